import Glibc
import Testing

@testable import Age

/// A seeded generator against the decryptor.
///
/// `SLUICE_FUZZ_INPUTS` sets the number of inputs (a tenth of it, since each costs some key agreements), `SLUICE_FUZZ_SEED`
/// the seed (1). A failure names the input's number.
@Suite("No bytes break the decryptor")
struct FuzzTests {
    private static func setting(_ name: String, _ otherwise: Int) -> Int {
        // The environment is not written while tests run; the text is copied at once.
        guard let value = unsafe getenv(name) else { return otherwise }
        return unsafe Int(String(cString: value)) ?? otherwise
    }

    private let count = setting("SLUICE_FUZZ_INPUTS", 20_000) / 10
    private let seed = setting("SLUICE_FUZZ_SEED", 1)

    private static let dictionary = [
        "age-encryption.org/v1\n", "-> X25519 ", "-> ", "\n", "--- ", "---", "->", " ", "\r\n", "=", "scrypt", "\u{0}",
        String(repeating: "A", count: 64), String(repeating: "A", count: 43),
    ]

    private static func mutate(_ bytes: [UInt8], _ generator: inout SeededGenerator) -> [UInt8] {
        var out = bytes
        for _ in 0..<Int.random(in: 1...3, using: &generator) {
            let at = out.isEmpty ? 0 : Int.random(in: 0..<out.count, using: &generator)
            let end = min(out.count, at + Int.random(in: 0...40, using: &generator))
            switch Int.random(in: 0..<7, using: &generator) {
            case 0 where !out.isEmpty: out[at] ^= 1 << UInt8.random(in: 0..<8, using: &generator)
            case 1: out.removeSubrange(at..<end)
            case 2: out.insert(contentsOf: out[at..<end], at: at)
            case 3: out.insert(contentsOf: Array((dictionary.randomElement(using: &generator) ?? "").utf8), at: at)
            case 4: out.removeSubrange(at...)
            case 5: out.append(contentsOf: generator.bytes(Int.random(in: 0...40, using: &generator)))
            default: out.replaceSubrange(at..<end, with: generator.bytes(end - at))
            }
        }
        return out
    }

    @Test func mutations() async throws {
        let identities = [try Keys.identity(0), try Keys.identity(1)]
        var generator = SeededGenerator(seed: seed)
        let samples = try [0, 30, 65_536, 65_600].map { length -> ([UInt8], [UInt8]) in
            let plain = generator.bytes(length)
            return (plain, try encrypt(plain, for: [Keys.recipient(2), Keys.recipient(1)]))
        }
        var codes: Set<AgeError.Code> = []
        for number in 0..<count {
            // The threads of Swift's pool are few, and the other tests need them, too.
            if number % 16 == 0 { await Task.yield() }
            // Long files are few, or they would take most of the time.
            let (plain, sealed) = samples[number % 50 < 48 ? number % 2 : number % 50 - 46]
            let bytes = Self.mutate(sealed, &generator)
            var out: [UInt8] = []
            do throws(AgeError) {
                try decrypt(bytes, identities, piece: Int.random(in: 1...70_000, using: &generator), out: &out)
                // Only a mutation that changed nothing may be opened.
                #expect(bytes == sealed, "input \(number)")
                #expect(out == plain, "input \(number)")
            } catch {
                codes.insert(error.code)
                #expect(plain.starts(with: out) && bytes != sealed, "input \(number)")
            }
        }
        // The mutations reach every part.
        #expect(codes.isSuperset(of: [.header, .wrongKey, .tampered, .truncated]))
    }

    @Test func keysOfStrangers() async {
        var generator = SeededGenerator(seed: seed)
        for number in 0..<count {
            if number % 16 == 0 { await Task.yield() }
            let recipient = Self.mutate(Array(Keys.recipients[0].utf8), &generator)
            let secret = Self.mutate(Array(Keys.secrets[0].utf8), &generator)
            let text = String(decoding: recipient, as: UTF8.self)
            if let read = try? AgeRecipient(text) { #expect(read.text == text) }
            _ = try? AgeIdentity.list(file: String(decoding: secret, as: UTF8.self))
        }
    }
}
