internal import Crypto
internal import Model

#if canImport(FoundationEssentials)
    internal import FoundationEssentials
#else
    internal import Foundation
#endif

/// The secret that an endpoint's messages are signed with: `whsec_` and 24 to 64 bytes in padded base 64.
public struct WebhookSecret: Sendable, Equatable {
    /// The text as the receiver has it.
    public let text: String
    let key: [UInt8]

    static let prefix = "whsec_"

    /// Reads a secret that somebody brings along.
    public init(_ text: String) throws(ConnectorError) {
        guard text.hasPrefix(Self.prefix), let data = Data(base64Encoded: String(text.dropFirst(Self.prefix.count))),
            (24...64).contains(data.count)
        else {
            throw ConnectorError(
                .badSecret,
                "a webhook's secret is whsec_ and 24 to 64 bytes in base 64, padded with = to a multiple of four")
        }
        self.text = text
        key = Array(data)
    }

    /// A new one, of 32 random bytes.
    public static func make() -> WebhookSecret {
        // Bytes of the system's random numbers.
        var random = SystemRandomNumberGenerator()
        let key = (0..<32).map { _ in UInt8.random(in: 0...255, using: &random) }
        return WebhookSecret(key: key)
    }

    private init(key: [UInt8]) {
        self.key = key
        text = Self.prefix + Data(key).base64EncodedString()
    }

    /// `v1,` and the HMAC-SHA256 over id, time and body, in base 64.
    public func signature(id: String, timestamp: Int64, body: [UInt8]) -> String {
        var code = HMAC<SHA256>(key: SymmetricKey(data: key))
        code.update(data: Array("\(id).\(timestamp).".utf8))
        code.update(data: body)
        return "v1," + Data(code.finalize()).base64EncodedString()
    }
}

/// The headers of Standard Webhooks (specification 1.0.0).
public enum WebhookSigning {
    /// Headers for one attempt.
    ///
    /// - Parameters:
    ///   - timestamp: of this attempt, in whole seconds since 1970.
    ///   - secrets: the newest first; during a rotation all that receivers may still have.
    public static func headers(
        id: String, timestamp: Int64, body: [UInt8], secrets: [WebhookSecret]
    ) -> [(name: String, value: String)] {
        [
            ("webhook-id", id), ("webhook-timestamp", String(timestamp)),
            (
                "webhook-signature",
                // One line, one space between: what other verifiers read.
                secrets.map { $0.signature(id: id, timestamp: timestamp, body: body) }.joined(separator: " ")
            ),
        ]
    }

    /// The id of a message: `msg_` and the SHA-256, in base 32, of what caused it. Whatever restarts or is restored, the same cause
    /// gives the same id.
    public static func messageID(_ causes: [String]) -> String {
        // A line each: none of them has a line break in it.
        "msg_" + digest(Array(causes.joined(separator: "\n").utf8))
    }

    private static func digest(_ bytes: [UInt8]) -> String {
        Base32.encode(bytes: Array(SHA256.hash(data: bytes)))
    }
}
