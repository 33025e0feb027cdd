/// Looks in raw texts of refused inputs for identities, each as a value of its own: `12` is in `{"identity":12}` and in
/// `_p=12&_n=Seen`, but not in `2012` and not in `2024-12-01`.
///
/// What a refused input meant is not known, so this errs on one side: a text that equals an identity counts wherever it stands.
public struct IdentityMatcher: Sendable {
    /// The identities by the hash of their bytes, and their lengths.
    private let texts: [Hash128: [[UInt8]]]
    private let lengths: [Int]

    public init(_ identities: [String]) {
        var texts: [Hash128: [[UInt8]]] = [:]
        for identity in identities where !identity.isEmpty {
            let bytes = Array(identity.utf8)
            texts[Hash128(bytes.span), default: []].append(bytes)
            // In a CSV's cell quotes are doubled.
            let doubled = bytes.flatMap { $0 == 0x22 ? [$0, $0] : [$0] }
            if doubled.count > bytes.count { texts[Hash128(doubled.span), default: []].append(doubled) }
        }
        self.texts = texts
        lengths = Set(texts.values.joined().map(\.count)).sorted()
    }

    /// Whether the raw text names one of the identities: as it is, percent-decoded, or with its escapes resolved.
    public func isNamed(in raw: Span<UInt8>) -> Bool {
        guard !lengths.isEmpty else { return false }
        return RawReadings.all(raw).contains { reading in stands(in: reading.span) }
    }

    /// The same of a text.
    public func isNamed(in raw: String) -> Bool { isNamed(in: Array(raw.utf8).span) }

    private func stands(in text: Span<UInt8>) -> Bool {
        for start in 0..<text.count where start == 0 || RawTokens.canPrecede(text[start - 1]) {
            for length in lengths {
                let end = start + length
                guard end <= text.count else { break }
                guard end == text.count || RawTokens.canFollow(text[end]) else { continue }
                let token = text.extracting(start..<end)
                let same = texts[Hash128(token)] ?? []
                if same.contains(where: { equalBytes($0.span, token) }) { return true }
            }
        }
        return false
    }
}
