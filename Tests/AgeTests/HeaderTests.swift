import Crypto
import Testing

@testable import Age

@Suite("Headers are read strictly, and each flaw has its error")
struct HeaderTests {
    @Test func whatIsAllowed() throws {
        let me = try Keys.identity(0)
        var file = try HandMade(for: me)
        // Others' stanzas, of kinds that are not known: with no body, with one that fills its line, with many lines.
        let mine = file.stanzas[0]
        file.stanzas = [
            Stanza(arguments: ["x25519", "!~"], body: []), Stanza(arguments: ["a"], body: Array(0..<48)), mine,
            Stanza(arguments: ["grease", "a", "b"], body: Array(0..<200)),
        ]
        #expect(try decrypt(file.bytes, [me]) == Array("hello".utf8))
        #expect(try decrypt(file.bytes, [Keys.identity(1), me], piece: 1) == Array("hello".utf8))
        #expect(try failure(file.bytes, [Keys.identity(1)])?.code == .wrongKey)
        #expect(try failure(file.bytes, [])?.code == .wrongKey)
    }

    /// Texts of headers, in which MINE is a proper stanza, that the code vouches for all the same.
    @Test(arguments: [
        ("another version", "age-encryption.org/v2\nMINE---"), ("no version", "MINE---"),
        ("a longer version", "age-encryption.org/v1.0\nMINE---"),
        ("carriage returns", "age-encryption.org/v1\r\nMINE---"),
        ("no stanza", "age-encryption.org/v1\n---"), ("an empty line", "age-encryption.org/v1\n\nMINE---"),
        ("a stanza without a kind", "age-encryption.org/v1\n->\n\nMINE---"),
        ("an empty kind", "age-encryption.org/v1\n-> \n\nMINE---"),
        ("two spaces", "age-encryption.org/v1\n-> a  b\n\nMINE---"),
        ("a space at the end", "age-encryption.org/v1\n-> a \n\nMINE---"),
        ("a tab", "age-encryption.org/v1\n-> a\tb\n\nMINE---"),
        ("another alphabet", "age-encryption.org/v1\n-> é\n\nMINE---"),
        ("another beginning", "age-encryption.org/v1\n=> a\n\nMINE---"),
        ("no body", "age-encryption.org/v1\n-> a\nMINE---"),
        ("no short last line", "age-encryption.org/v1\n-> a\n\(String(repeating: "A", count: 64))\nMINE---"),
        ("a line too long", "age-encryption.org/v1\n-> a\n\(String(repeating: "A", count: 68))\n\nMINE---"),
        ("two short lines", "age-encryption.org/v1\n-> a\nAAAA\nAAAA\nMINE---"),
        ("padding", "age-encryption.org/v1\n-> a\nAA==\nMINE---"),
        ("bits left over", "age-encryption.org/v1\n-> a\nAB\nMINE---"),
        ("a return in the body", "age-encryption.org/v1\n-> a\nAAAA\r\nMINE---"),
        ("a passphrase beside", "age-encryption.org/v1\n-> scrypt AAAA 10\nAAAA\nMINE---"),
    ])
    func flaws(_ name: String, _ text: String) throws {
        let me = try Keys.identity(0)
        let file = try HandMade(for: me)
        let whole = String(decoding: Header.signed(file.stanzas), as: UTF8.self)
        let mine = String(whole.dropFirst("age-encryption.org/v1\n".count).dropLast(3))
        #expect(mine.hasPrefix("-> X25519 ") && mine.hasSuffix("\n"))
        #expect(try failure(file.bytes(header: "age-encryption.org/v1\n\(mine)---"), [me]) == nil)
        let error = try failure(file.bytes(header: text.replacing("MINE", with: mine)), [me])
        #expect(error?.code == .header, "\(name): \(error?.message ?? "opened")")
        #expect(error?.message.isEmpty == false)
    }

    @Test func stanzasOfOurKind() throws {
        let me = try Keys.identity(0)
        let good = try HandMade(for: me)
        let share = good.stanzas[0].arguments[1]
        func file(_ stanza: Stanza) throws -> [UInt8] {
            var file = good
            file.stanzas = [stanza]
            return try file.bytes
        }
        let body = good.stanzas[0].body
        for arguments in [
            ["X25519"], ["X25519", share, share], ["X25519", String(share.dropLast())], ["X25519", share + "A"],
            ["X25519", share + "="], ["X25519", String(share.dropLast()) + "1"],
        ] {
            let error = try failure(file(Stanza(arguments: arguments, body: body)), [me])
            #expect(error?.code == .header, "\(arguments)")
        }
        // A longer key in a proper box is no key, either.
        for wrong in [[], Array(body.dropLast()), body + [0], body + body] {
            #expect(try failure(file(Stanza(arguments: ["X25519", share], body: wrong)), [me])?.code == .header)
        }
        for i in body.indices {
            var changed = body
            changed[i] ^= 1
            let error = try failure(file(Stanza(arguments: ["X25519", share], body: changed)), [me])
            #expect(error?.code == .wrongKey)
        }
        // In small letters it is another kind.
        let small = Stanza(arguments: ["x25519", share], body: body)
        #expect(try failure(file(small), [me])?.code == .wrongKey)
    }

    @Test func theLastLine() throws {
        let me = try Keys.identity(0)
        let file = try HandMade(for: me)
        let signed = Header.signed(file.stanzas)
        let mac = String(decoding: Base64.encode(file.key.mac(signed)), as: UTF8.self)
        let other = String(decoding: Base64.encode([UInt8](repeating: 1, count: 32)), as: UTF8.self)
        for (tail, code) in [
            (" \(mac)\n", nil), (" \(other)\n", AgeError.Code.tampered), ("\n", .header), (" \n", .header),
            ("\(mac)\n", .header), ("  \(mac)\n", .header), (" \(mac) \n", .header), (" \(mac)\r\n", .header),
            (" \(mac.dropLast())\n", .header), (" \(mac)=\n", .header), (" \(mac.dropLast())/\n", .header),
            ("- \(mac)\n", .header),
        ] {
            #expect(try failure(signed + Array(tail.utf8) + file.payload, [me])?.code == code, "\(tail)")
        }
    }

    @Test func whatIsNoFileOfAge() throws {
        let me = try Keys.identity(0)
        for (text, code) in [
            ("", AgeError.Code.truncated), ("a", .truncated), ("age-encryption.org/v1", .truncated),
            ("age-encryption.org/v1\n-> X25519 ", .truncated),
            ("PK\u{3}\u{4}" + String(repeating: "x", count: 99), .header),
            ("seq,identity\n1,ann\n", .header), ("-----BEGIN AGE ENCRYPTED FILE-----\nYWdl", .header),
        ] {
            #expect(failure(Array(text.utf8), [me])?.code == code, "\(text)")
            #expect(failure(Array(text.utf8), [me], piece: 1)?.code == code, "\(text)")
        }
    }

    /// A header without an end is given up, not gathered.
    @Test func anEndlessHeader() throws {
        let decryptor = AgeDecryptor([try Keys.identity(0)])
        var out: [UInt8] = []
        try decryptor.write(Array("age-encryption.org/v1\n-> ".utf8).span, to: &out)
        let piece = [UInt8](repeating: 0x41, count: 1 << 16)
        let error = try #require(
            #expect(throws: AgeError.self) {
                for _ in 0..<64 { try decryptor.write(piece.span, to: &out) }
            })
        #expect(error.code == .header)
        // An error stays.
        #expect(throws: error) { try decryptor.write(piece.span, to: &out) }
        #expect(throws: error) { try decryptor.finish(to: &out) }
    }
}
