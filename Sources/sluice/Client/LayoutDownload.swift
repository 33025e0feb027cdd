import Exports
import Model

/// Adds an export in the KISSmetrics layout from another machine to a folder of this one: each revision is fetched and checked
/// before any gets its name, so that the folder is whole at any moment.
struct LayoutDownload: Sendable {
    private let client: APIClient
    private let folder: LayoutFolder

    /// Opens the folder, which nobody else may write to meanwhile.
    init(_ client: APIClient, folder path: String) async throws {
        self.client = client
        folder = try await Self.call { () throws(ExportError) in try LayoutFolder(path, exportID: "download") }
    }

    /// The specification, from where the folder ends.
    func continuing(_ spec: JSONValue) -> JSONValue {
        guard folder.position > 0, spec["seq_from"] == nil, case .object(let members) = spec else { return spec }
        return .object(members + [.init("seq_from", JSONValue(folder.position))])
    }

    /// Fetches the revisions of a finished export; returns the manifest as it is here.
    func run(_ manifest: JSONValue, of id: String) async throws -> JSONValue {
        let folder = folder
        let (revisions, adopted) = try await Self.call { () throws(ExportError) in
            try folder.adopt(try Manifest(json: manifest))
        }
        do {
            let download = ExportDownload(client: client, id: id, path: folder.path)
            var done: Int64 = 0
            for (place, part) in (manifest["parts"]?.arrayValue ?? []).enumerated() {
                let name = try await Self.call { () throws(ExportError) in
                    try folder.temporary(revisions[place].number)
                }
                try await download.fetch(part, number: place + 1, to: name, done: &done, total: adopted.bytes)
            }
            try await Self.call { () throws(ExportError) in try folder.publish(revisions, adopted) }
        } catch {
            try? await OffPool.run { folder.abandon() }
            throw error
        }
        return adopted.json
    }

    private static func call<T: Sendable>(
        _ body: @escaping @Sendable () throws(ExportError) -> T
    ) async throws -> T {
        do { return try await OffPool.run(body) } catch let error as ExportError {
            throw Failure(.failed, error.message)
        }
    }
}
