internal import Model

/// What messages of one person have in common, so that they can go out one after another.
struct OrderKey: Sendable, Equatable {
    /// The person's id; a hash of the identity while nobody knows whose it is.
    let text: String
    /// That hash, where the person is known: what came before that was known is the same person's.
    let before: String?

    init(_ person: PersonID?, identity: [UInt8]) {
        let hash = Hash128(identity.span)
        let unknown = "i_" + Base32.encode(hash.high) + Base32.encode(hash.low)
        (text, before) = person.map { ($0.text, unknown) } ?? (unknown, nil)
    }
}
