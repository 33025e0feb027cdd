import Crypto

@testable import Age

/// SplitMix64 (Steele, Lea and Flood, 2014): the same numbers for the same seed.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: Int) { state = UInt64(bitPattern: Int64(seed)) }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }

    mutating func bytes(_ count: Int) -> [UInt8] { (0..<count).map { _ in UInt8.random(in: 0...255, using: &self) } }
}

/// Keys that age-keygen made for these tests and nothing else.
enum Keys {
    static let secrets = [
        "AGE-SECRET-KEY-1672ERWKZ23M8GJWYUCS6PMCKJ9W5DG0LMY3UJ0QHAZ6QY5RA6P4S2Z9QUH",
        "AGE-SECRET-KEY-17QM60ANM2SJQLNKUXHKC36TJC9M8GPLT2DZQ5W78LTY774MWC65S947XNX",
        "AGE-SECRET-KEY-15VTE5TG446J52K3NEXW2LM73TJFE3NN5REH2Y9A88UP9K58C6LMQPQA8L3",
    ]
    static let recipients = [
        "age1vl6rrrjvzqg59dq3aemws3j222cjzuyk4em38kuc74262yrgqa2qffg407",
        "age1ta2hl3fyyxssklx3p4uke7ajp3rnnqt826cvh96fj94x6q30massf485cj",
        "age1erlh7nh34ugcdeg5c6cgfhwf5hncgx4nzqwtkuq44njpy604hufqj74eqj",
    ]

    static func identity(_ i: Int) throws -> AgeIdentity { try AgeIdentity(secrets[i]) }
    static func recipient(_ i: Int) throws -> AgeRecipient { try AgeRecipient(recipients[i]) }
}

/// Encrypts in pieces.
func encrypt(_ plain: [UInt8], for recipients: [AgeRecipient], piece: Int = 1 << 20) throws -> [UInt8] {
    let encryptor = try AgeEncryptor(recipients)
    var out: [UInt8] = []
    for at in stride(from: 0, to: plain.count, by: piece) {
        try encryptor.write(Array(plain[at..<min(plain.count, at + piece)]).span, to: &out)
    }
    try encryptor.finish(to: &out)
    return out
}

/// Opens in pieces; what came out before an error is in `out`.
func decrypt(
    _ bytes: [UInt8], _ identities: [AgeIdentity], piece: Int = 1 << 20, out: inout [UInt8]
) throws(AgeError) {
    let decryptor = AgeDecryptor(identities)
    for at in stride(from: 0, to: bytes.count, by: piece) {
        try decryptor.write(Array(bytes[at..<min(bytes.count, at + piece)]).span, to: &out)
    }
    try decryptor.finish(to: &out)
}

func decrypt(_ bytes: [UInt8], _ identities: [AgeIdentity], piece: Int = 1 << 20) throws(AgeError) -> [UInt8] {
    var out: [UInt8] = []
    try decrypt(bytes, identities, piece: piece, out: &out)
    return out
}

/// Why it cannot be opened; nil if it can.
func failure(_ bytes: [UInt8], _ identities: [AgeIdentity], piece: Int = 1 << 20) -> AgeError? {
    do throws(AgeError) { _ = try decrypt(bytes, identities, piece: piece) } catch { return error }
    return nil
}

/// Bytes of Base64 with padding.
func base64(_ text: String) -> [UInt8] { Base64.decode(text.utf8.filter { $0 != UInt8(ascii: "=") }) ?? [] }

/// A file made by hand: every part of it can be wrong.
struct HandMade {
    var key = FileKey(Array(0..<16))
    var stanzas: [Stanza]
    var nonce = [UInt8](repeating: 7, count: 16)
    /// Each with whether it is sealed as the last.
    var chunks: [([UInt8], Bool)] = [(Array("hello".utf8), true)]

    init(for identity: AgeIdentity) throws {
        stanzas = [try X25519.wrap(key, for: identity.recipient, ephemeral: Curve25519.KeyAgreement.PrivateKey())]
    }

    var payload: [UInt8] {
        get throws {
            var cipher = Chunks(key: key.payloadKey(nonce: nonce))
            var out = nonce
            for (plain, isLast) in chunks { try cipher.seal(plain, isLast: isLast, to: &out) }
            return out
        }
    }

    var bytes: [UInt8] { get throws { try Header.bytes(stanzas, key: key) + payload } }

    /// The file with another text for its header up to the dashes; the code vouches for it.
    func bytes(header text: String) throws -> [UInt8] {
        let signed = Array(text.utf8)
        return try signed + [0x20] + Base64.encode(key.mac(signed)) + [0x0a] + payload
    }
}
