import Crypto
import Testing

@testable import Age

@Suite("Keys are those of age-keygen, and secrets stay secret")
struct KeyTests {
    @Test(arguments: 0..<3) func aSecretHasItsRecipient(_ i: Int) throws {
        #expect(try Keys.identity(i).recipient == Keys.recipient(i))
        #expect(try Keys.recipient(i).text == Keys.recipients[i])
    }

    @Test(arguments: [
        ("age1vl6rrrjvzqg59dq3aemws3j222cjzuyk4em38kuc74262yrgqa2qffg408", "the checksum does not match"),
        ("age1vl6rrrjvzqg59dq3aemws3j222cjzuyk4em38kuc74262yrgqa2qffg40", "the checksum does not match"),
        ("age1VL6rrrjvzqg59dq3aemws3j222cjzuyk4em38kuc74262yrgqa2qffg407", "mixed"),
        ("age1vl6rrrjvzqg59dq3aemws3j222cjzuyk4em38kuc74262yrgqa2qffg4é7", "character"),
        ("AGE1VL6RRRJVZQG59DQ3AEMWS3J222CJZUYK4EM38KUC74262YRGQA2QFFG407", "begins with age1"),
        ("", "begins with age1"), ("age1", "no key follows"), (" age1vl6", "begins with age1"),
        ("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ2Z ann@example.com", "begins with age1"),
    ])
    func badRecipients(_ text: String, _ reason: String) {
        let error = #expect(throws: AgeError.self) { _ = try AgeRecipient(text) }
        #expect(error?.code == .recipient)
        #expect(error?.message.contains(reason) == true, "\(error?.message ?? "")")
    }

    @Test func recipientsOfOtherSizesAndKinds() {
        for (prefix, count, reason) in [
            ("age", 31, "32 bytes"), ("age", 33, "32 bytes"), ("age1yubikey", 33, "plugin"),
        ] {
            let text = Bech32.encode(prefix: prefix, [UInt8](repeating: 9, count: count))
            let error = #expect(throws: AgeError.self) { _ = try AgeRecipient(text) }
            #expect(error?.message.contains(reason) == true, "\(error?.message ?? "")")
        }
    }

    /// The points of small order of Curve25519, in the form of RFC 7748: with each everybody knows the shared secret.
    @Test(arguments: [
        [UInt8](repeating: 0, count: 32), [1] + [UInt8](repeating: 0, count: 31),
        [
            0xe0, 0xeb, 0x7a, 0x7c, 0x3b, 0x41, 0xb8, 0xae, 0x16, 0x56, 0xe3, 0xfa, 0xf1, 0x9f, 0xc4, 0x6a, 0xda, 0x09,
            0x8d, 0xeb, 0x9c, 0x32, 0xb1, 0xfd, 0x86, 0x62, 0x05, 0x16, 0x5f, 0x49, 0xb8, 0x00,
        ],
        [
            0x5f, 0x9c, 0x95, 0xbc, 0xa3, 0x50, 0x8c, 0x24, 0xb1, 0xd0, 0xb1, 0x55, 0x9c, 0x83, 0xef, 0x5b, 0x04, 0x44,
            0x5c, 0xc4, 0x58, 0x1c, 0x8e, 0x86, 0xd8, 0x22, 0x4e, 0xdd, 0xd0, 0x9f, 0x11, 0x57,
        ],
        [0xec] + [UInt8](repeating: 0xff, count: 30) + [0x7f], [0xed] + [UInt8](repeating: 0xff, count: 30) + [0x7f],
        [0xee] + [UInt8](repeating: 0xff, count: 30) + [0x7f],
    ])
    func pointsOfLowOrder(_ point: [UInt8]) throws {
        let error = #expect(throws: AgeError.self) {
            _ = try AgeRecipient(Bech32.encode(prefix: "age", point))
        }
        #expect(error?.message.contains("low order") == true)
        var file = try HandMade(for: Keys.identity(0))
        file.stanzas[0].arguments[1] = String(decoding: Base64.encode(point), as: UTF8.self)
        #expect(try failure(file.bytes, [Keys.identity(0)])?.code == .header)
    }

    @Test func errorsAndDescriptionsHoldNoSecret() throws {
        let secret = Keys.secrets[0]
        let middle = String(secret.dropFirst(20).prefix(20))
        func hides(_ text: String) -> Bool { !text.lowercased().contains(middle.lowercased()) }
        var texts = [String(secret.dropLast()), secret.lowercased(), secret + "Q", " " + secret, "x" + secret]
        texts.append(String(secret.prefix(30)) + secret.dropFirst(30).lowercased())
        for text in texts {
            let error = #expect(throws: AgeError.self) { _ = try AgeIdentity(text) }
            #expect(error?.code == .identity)
            #expect(hides(error?.message ?? middle), "\(error?.message ?? "")")
            let list = #expect(throws: AgeError.self) {
                _ = try AgeIdentity.list(file: "# mine\n\nx\(text)\n")
            }
            #expect(list?.message.contains("line 3") == true)
            #expect(hides(list?.message ?? middle))
        }
        // A secret where a recipient should be.
        for text in [secret, secret.lowercased(), " " + secret] {
            let error = #expect(throws: AgeError.self) { _ = try AgeRecipient(text) }
            #expect(hides(error?.message ?? middle))
        }
        let identity = try Keys.identity(0)
        var dumped = ""
        dump(identity, to: &dumped)
        #expect(dumped.contains(Keys.recipients[0]))
        for text in [dumped, "\(identity)", String(reflecting: identity), "\([identity])"] {
            #expect(!text.contains("PrivateKey"), "\(text)")
            #expect(hides(text))
        }
    }

    @Test func identityFiles() throws {
        let file = """
            # created: 2026-11-25T02:17:58Z
            # public key: \(Keys.recipients[0])
            \(Keys.secrets[0])\r

              \(Keys.secrets[1])\t
            """
        #expect(try AgeIdentity.list(file: file).map(\.recipient.text) == Array(Keys.recipients[..<2]))
        for (text, reason) in [
            ("", "no identity"), ("# nothing\n", "no identity"), (Keys.recipients[0], "line 1: this is a recipient"),
            ("AGE-PLUGIN-YUBIKEY-1QQ", "plugin"), ("age-encryption.org/v1\n-> ", "itself encrypted"),
            ("-----BEGIN AGE ENCRYPTED FILE-----\n", "itself encrypted"), ("\n\nhello", "line 3: "),
        ] {
            let error = #expect(throws: AgeError.self) { _ = try AgeIdentity.list(file: text) }
            #expect(error?.code == .identity)
            #expect(error?.message.contains(reason) == true, "\(error?.message ?? "")")
        }
    }
}
