internal import Connectors
internal import Model
internal import Webhooks

/// Makes the connectors of triggers' actions. On a thread that may block, since a secret may have to be read from a file.
struct ActionMaker: ActionMaking {
    let secrets: SecretResolver
    let tools: ConnectorTools

    func secret(_ text: String) async throws(ConnectorError) -> String {
        guard SecretReference.isReference(text) else { return text }
        let secrets = secrets
        do {
            return try await Blocking.run { try secrets.resolve(SecretReference(text)) }
        } catch let error as ConnectorError { throw error } catch {
            throw ConnectorError(.badSecret, "the secret cannot be read", isTransient: true)
        }
    }

    func make(_ kind: String, _ settings: JSONValue) async throws(ConnectorError) -> any Connector {
        try await make(kind, settings, isTrusted: false)
    }

    func make(
        _ kind: String, _ settings: JSONValue, isTrusted: Bool
    ) async throws(ConnectorError) -> any Connector {
        let (secrets, tools) = (isTrusted ? SecretResolver(environmentPrefix: "", folder: "/") : secrets, tools)
        do {
            return try await Blocking.run {
                try ConnectorRegistry.builtin.make(kind, settings, secrets: secrets, tools: tools)
            }
        } catch let error as ConnectorError { throw error } catch {
            throw ConnectorError(.badSetting, "the action cannot be made: \(type(of: error))", isTransient: true)
        }
    }
}
