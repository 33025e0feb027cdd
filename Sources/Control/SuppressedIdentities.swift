internal import Crypto
public import Model

/// A project's identities that are refused since they were erased, as they were at one moment.
///
/// Their texts are not known: each is kept as its HMAC-SHA-256 under a secret of the project. A fast keyed hash comes first,
/// so that an identity which is not among them costs no HMAC.
public final class SuppressedIdentities: Sendable {
    /// What is kept of one.
    struct Entry: Hashable, Sendable {
        let digest: [UInt8]
        let quick: UInt64
    }

    /// Grows with each change of the project's list.
    public let revision: Int64
    private let key: SuppressionKey?
    private let quick: Set<UInt64>
    private let digests: Set<[UInt8]>

    /// - Parameter secret: nil if nobody was ever suppressed.
    init(secret: [UInt8]?, entries: [Entry], revision: Int64) {
        key = secret.map { SuppressionKey($0) }
        quick = Set(entries.map(\.quick))
        digests = Set(entries.map(\.digest))
        self.revision = revision
    }

    /// How many they are.
    public var count: Int { digests.count }
    public var isEmpty: Bool { digests.isEmpty }

    /// Whether an identity is among them. Identities are compared byte by byte.
    public func contains(_ identity: Span<UInt8>) -> Bool {
        guard let key, quick.contains(key.quick(identity)) else { return false }
        return digests.contains(key.digest(Array(copying: identity)))
    }

    /// A hash of a text under the project's secret, cut to 128 bits.
    public func mark(of text: Span<UInt8>) -> Hash128 {
        guard let key else { return .none }
        return Hash128(key.digest([0x6d] + Array(copying: text)).span)
    }
}

/// The secret at work.
struct SuppressionKey: Sendable {
    private let key: SymmetricKey
    private let seed: UInt64

    init(_ secret: [UInt8]) {
        key = SymmetricKey(data: secret)
        // The fast hash has a key of its own that follows from the secret.
        seed = HMAC<SHA256>.authenticationCode(for: Array("quick".utf8), using: key).prefix(8)
            .reduce(0) { $0 << 8 | UInt64($1) }
    }

    func digest(_ text: [UInt8]) -> [UInt8] { Array(HMAC<SHA256>.authenticationCode(for: text, using: key)) }

    func quick(_ text: Span<UInt8>) -> UInt64 { Hash128(text, seed: seed).low }

    func entry(_ identity: String) -> SuppressedIdentities.Entry {
        let bytes = Array(identity.utf8)
        return .init(digest: digest(bytes), quick: quick(bytes.span))
    }
}
