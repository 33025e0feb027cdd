import Testing

@testable import Age

@Suite("Bech32 is that of BIP 173")
struct Bech32Tests {
    /// Valid texts of BIP 173.
    @Test(arguments: [
        "A12UEL5L", "a12uel5l",
        "an83characterlonghumanreadablepartthatcontainsthenumber1andtheexcludedcharactersbio1tt5tgs",
        "abcdef1qpzry9x8gf2tvdw0s3jn54khce6mua7lmqqqxw",
        "11" + String(repeating: "q", count: 82) + "c8247j",
        "split1checkupstagehandshakeupstreamerranterredcaperred2y9e3w", "?1ezyfcl",
    ])
    func valid(_ text: String) throws {
        let decoded = try Bech32.decode(text)
        #expect(Bech32.encode(prefix: decoded.prefix, decoded.bytes) == text.lowercased())
    }

    @Test(arguments: [
        (" 1nwldj5", Bech32.Flaw.character), ("\u{7f}1axkwrx", .character), ("\u{80}1eym55h", .character),
        ("pzry9x0s0muk", .separator), ("1pzry9x0s0muk", .separator), ("x1b4n0q5v", .character),
        ("li1dgmt3", .separator), ("A1G7SGD8", .checksum), ("10a06t8", .separator), ("1qzzfhee", .separator),
        ("", .separator), ("A12uEL5L", .mixedCase), ("split1cheo2y9e2w", .character),
        ("split1checkupstagehandshakeupstreamerranterredcaperred2y9e2w", .checksum),
        // Bech32m (BIP 350) has another checksum.
        ("abcdef1l7aum6echk45nj3s0wdvt2fg8x9yrzpqzd3ryx", .checksum), ("a1lqfn3a", .checksum),
        // Bits that are left over: five and more, or not 0.
        ("age1qdd35qf", .padding), ("age1qpu0j2ex", .padding), ("age1qqqyst3gn", .padding),
    ])
    func invalid(_ text: String, _ flaw: Bech32.Flaw) {
        #expect(throws: flaw) { _ = try Bech32.decode(text) }
    }

    @Test func everyLengthComesBack() throws {
        var generator = SeededGenerator(seed: 1)
        for count in 0..<100 {
            let bytes = generator.bytes(count)
            let decoded = try Bech32.decode(Bech32.encode(prefix: "age", bytes).uppercased())
            #expect(decoded.prefix == "age")
            #expect(decoded.bytes == bytes)
        }
    }

    @Test func aCodeOfFourErrorsIsFound() throws {
        let letters = Array("qpzry9x8gf2tvdw0s3jn54khce6mua7l")
        var generator = SeededGenerator(seed: 2)
        for _ in 0..<2_000 {
            var text = Array(Keys.recipients[0])
            for _ in 0..<Int.random(in: 1...4, using: &generator) {
                text[Int.random(in: 4..<text.count, using: &generator)] =
                    letters.randomElement(using: &generator) ?? "q"
            }
            guard String(text) != Keys.recipients[0] else { continue }
            #expect(throws: Bech32.Flaw.checksum) { _ = try Bech32.decode(String(text)) }
        }
    }

    @Test func base64HasOneFormForAll() {
        var generator = SeededGenerator(seed: 3)
        for count in 0..<100 {
            let bytes = generator.bytes(count)
            #expect(Base64.decode(Base64.encode(bytes)) == bytes)
        }
        #expect(Base64.encode(Array("foobar".utf8)) == Array("Zm9vYmFy".utf8))
        #expect(Base64.encode(Array("fooba".utf8)) == Array("Zm9vYmE".utf8))
        #expect(Base64.encode(Array("foob".utf8)) == Array("Zm9vYg".utf8))
        for text in ["Zm9vYmE=", "Zm9vYh", "Zm9vYmF", "Z", "Zm9v Yg", "Zm9v\n", "Zm-_"] {
            #expect(Base64.decode(text.utf8) == nil, "\(text)")
        }
    }
}
