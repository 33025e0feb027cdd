internal import Connectors
internal import Crypto
internal import CryptoExtras
internal import Model
internal import Synchronization

#if canImport(FoundationEssentials)
    internal import FoundationEssentials
#else
    internal import Foundation
#endif

/// A service account of Google's: it signs a claim with its key, and gets a token for an hour.
final class GoogleAccount: Sendable {
    private let email: String
    private let keyID: String
    private let key: _RSA.Signing.PrivateKey
    private let tokenURL: OutboundURL
    private let scope: String
    private let kept = Mutex<(token: String, until: Int64)?>(nil)

    /// - Parameter credentials: the account's JSON as Google gives it out.
    init(_ credentials: String, scope: String, policy: OutboundPolicy) throws(ConnectorError) {
        let bytes = Array(credentials.utf8)
        guard let json = try? JSONValue(bytes.span), let email = json["client_email"]?.stringValue,
            let pem = json["private_key"]?.stringValue, let key = try? _RSA.Signing.PrivateKey(pemRepresentation: pem)
        else {
            throw ConnectorError(
                .badSecret, "\"credentials\" is a service account's JSON, with client_email and private_key")
        }
        self.email = email
        self.key = key
        self.scope = scope
        keyID = json["private_key_id"]?.stringValue ?? ""
        tokenURL = try OutboundURL(json["token_uri"]?.stringValue ?? "https://oauth2.googleapis.com/token")
        try policy.check(tokenURL)
    }

    /// Forgets the token, which somebody refused.
    func forget() { kept.withLock { $0 = nil } }

    func token(_ tools: DestinationTools) async throws(ConnectorError) -> String {
        let now = tools.seconds()
        if let known = kept.withLock({ $0 }), known.until > now + 60 { return known.token }
        let body = "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion=\(try claim(now))"
        let result = await tools.http.send(
            OutboundRequest(
                url: tokenURL,
                headers: [("content-type", "application/x-www-form-urlencoded"), ("user-agent", "sluice")],
                body: Array(body.utf8), timeout: .seconds(30)))
        guard let answer = result.answer else {
            throw ConnectorError(
                .unreachable, result.failure?.message ?? "\(tokenURL.host) did not answer", isTransient: true)
        }
        let document = (try? JSONValue(answer.body.span)) ?? .null
        guard answer.status == 200, let token = document["access_token"]?.stringValue else {
            let reason = document["error"]?.stringValue ?? ""
            let isTransient = answer.status >= 500 || answer.status == 429
            throw ConnectorError(
                isTransient ? .unreachable : .refused,
                "\(tokenURL.host) gives no token to \(email): \(answer.status) \(reason.prefix(60))",
                isTransient: isTransient)
        }
        kept.withLock { $0 = (token, now + (document["expires_in"]?.intValue ?? 3_600)) }
        return token
    }

    private func claim(_ now: Int64) throws(ConnectorError) -> String {
        let header: JSONValue = ["alg": "RS256", "typ": "JWT", "kid": .string(keyID)]
        let claims: JSONValue = [
            "iss": .string(email), "scope": .string(scope), "aud": .string(tokenURL.description),
            "iat": JSONValue(now), "exp": JSONValue(now + 3_600),
        ]
        let text = Self.encoded(Data(header.text.utf8)) + "." + Self.encoded(Data(claims.text.utf8))
        do {
            let signature = try key.signature(for: Data(text.utf8), padding: .insecurePKCS1v1_5)
            return text + "." + Self.encoded(signature.rawRepresentation)
        } catch { throw ConnectorError(.badSecret, "the service account's key cannot sign") }
    }

    private static func encoded(_ data: Data) -> String {
        String(data.base64EncodedString().compactMap { $0 == "+" ? "-" : $0 == "/" ? "_" : $0 == "=" ? nil : $0 })
    }
}
