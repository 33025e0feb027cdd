import Crypto
import Testing

@testable import Age

@Suite("What is encrypted comes back, and nothing else")
struct StreamTests {
    /// The interesting lengths: none, one, and those around whole chunks.
    static let lengths = [0, 1, 15, 16, 17, 65_535, 65_536, 65_537, 131_071, 131_072, 131_073, 300_000]

    @Test(arguments: lengths) func roundTrip(_ length: Int) throws {
        var generator = SeededGenerator(seed: length)
        let plain = generator.bytes(length)
        let recipients = try (0..<3).map(Keys.recipient)
        for piece in [1 << 20, 65_536, 65_552, 4_099] {
            let sealed = try encrypt(plain, for: recipients, piece: piece)
            for i in 0..<3 { #expect(try decrypt(sealed, [Keys.identity(i)], piece: piece) == plain) }
            // A header of three stanzas, a nonce, and a tag for each chunk; only an empty file has an empty chunk.
            let chunks = max(1, (length + 65_535) / 65_536)
            let header = 22 + 3 * (54 + 44) + 48
            #expect(sealed.count == header + 16 + length + 16 * chunks)
        }
    }

    @Test func byteByByte() throws {
        let plain = Array("seq,identity\r\n1,ann\r\n".utf8)
        let sealed = try encrypt(plain, for: [Keys.recipient(1)], piece: 1)
        #expect(try decrypt(sealed, [Keys.identity(0), Keys.identity(1)], piece: 1) == plain)
    }

    /// Files that Debian's age 1.1.1 made.
    @Test func filesOfAge() throws {
        let none = base64(
            """
            YWdlLWVuY3J5cHRpb24ub3JnL3YxCi0+IFgyNTUxOSBrOUFieWtlWG1iZFNyNEVTVTJGYVQybGRFY0F6dnZPSDF1TWFYY1BxRlN3Cml\
            EUWJNeVFmMm01Uy9PRmNWNXYrR0VqYW1NYjZFK0JnVG9pWVFFSytmV0kKLS0tIFN2d21PUHA5bVBLWHlhWVNkUlVrN0poNG1kK2ZwbX\
            lWYWw0WnZZWUYwQWsK+RGuHYtW/VeXv8Ua1beCNbPTl8o09wZDqAk6og0LUYg=
            """)
        #expect(try decrypt(none, [Keys.identity(0)]) == [])
        let three = base64(
            """
            YWdlLWVuY3J5cHRpb24ub3JnL3YxCi0+IFgyNTUxOSBOWEl6TmNRdXdLeS9BRW1VRzdxYnNlcm05TDlEN2VzR3BLYlR2VmtkUkNrClM\
            2NFM0K016Qjg4c1BaY01DMVVlUkZubkNtYVhLTTVpZko1UVpINkptVlUKLT4gWDI1NTE5IDMwdFZMZ2U5eVRSNXJlazhxdXljT1EveX\
            F4M2ZXemhHdGFnUFJYc2hYbTgKNHk5SFp2WUhhWWNnaHpRSzl4WTI5RUZoTzBtNmhEbGFaVDcrQ2lwVk8xNAotPiBYMjU1MTkgeVh4d\
            1B2RlN1cHl5RUFDeFUwYmZlaHJLTHI0T3BHWmhzbURUbUR6cUdRTQpscmRiTGlXYXBZZis5c09jZDI0akp0M2M0UDNWT25CNUVmVnZ4\
            cDhpaTRrCi0tLSBLMlFIUjF4NU45OXo2RDYyb3BxNlVMZnI1MTMzUkJoR0VhYmozWVdVSGw4Cq+UyeDvX5K/GnZIObDzc0C/bcDA39M\
            Kvr21xxjphnInjLsnyjpZ6lye/ZueGj5sENN37d5N
            """)
        for i in 0..<3 {
            #expect(try decrypt(three, [Keys.identity(i)]) == Array("seq,identity\r\n1,ann\r\n".utf8))
        }
    }

    /// The same lot gives the same file; Debian's age opens it.
    @Test func aFixedLotGivesAFixedFile() throws {
        let lot = AgeEncryptor.Lot(
            key: FileKey(Array(0..<16)), nonce: Array(16..<32),
            ephemeral: try [
                Curve25519.KeyAgreement.PrivateKey(rawRepresentation: [UInt8](repeating: 1, count: 32)),
                Curve25519.KeyAgreement.PrivateKey(rawRepresentation: [UInt8](repeating: 2, count: 32)),
            ])
        let encryptor = try AgeEncryptor([Keys.recipient(0), Keys.recipient(1)], lot: lot)
        var out: [UInt8] = []
        try encryptor.write(Array("hello\n".utf8).span, to: &out)
        try encryptor.finish(to: &out)
        #expect(
            out
                == base64(
                    """
                    YWdlLWVuY3J5cHRpb24ub3JnL3YxCi0+IFgyNTUxOSBwT0NTa3JaUnduaTVkeXhXbjErcHV4UFpCclJxdG95ZCtkd3JSQW40b2dr\
                    CnhQQURkS1E5bTNGZXlaR0JERnpaNXp4aXZDcnpUQmpFcnE5VUx2cU5MdXMKLT4gWDI1NTE5IHpvMDYwY3kyTSt4N2NNRjRGS1hI\
                    YnMwQ2xvVUZEVFJIUmJvRmh3NVlmVmsKbVY1L3VOdlBMbXhKaXhLU1FneEROT0s4YXVVRUxzQTF4Sm12eUFuSTRGawotLS0gMHZw\
                    azAzcGhXQm9mUWZDZVV6Y1QrYUlUVWlqalFjZmc5Ykl2UTQvd2UvNAoQERITFBUWFxgZGhscHR4f7dxTsl3UQYgpAzLYVb0rmF60\
                    RK7LQw
                    """))
    }

    @Test func twoFilesOfTheSameShareNothing() throws {
        let plain = [UInt8](repeating: 0, count: 200)
        let a = try encrypt(plain, for: [Keys.recipient(0)])
        let b = try encrypt(plain, for: [Keys.recipient(0)])
        #expect(a.suffix(232) != b.suffix(232))
        #expect(a[34..<77] != b[34..<77])
    }

    @Test func nobodyIsNoRecipient() {
        let error = #expect(throws: AgeError.self) { _ = try AgeEncryptor([]) }
        #expect(error?.code == .recipient)
    }

    /// A long stream goes through in little memory: nothing is held but a chunk.
    @Test func nothingPilesUp() throws {
        let encryptor = try AgeEncryptor([Keys.recipient(0)])
        let decryptor = AgeDecryptor([try Keys.identity(0)])
        let piece = [UInt8](repeating: 65, count: 100_000)
        var (sealed, plain, total) = ([UInt8](), [UInt8](), 0)
        var most = 0
        for _ in 0..<300 {
            try encryptor.write(piece.span, to: &sealed)
            try decryptor.write(sealed.span, to: &plain)
            most = max(most, sealed.count, plain.count)
            total += plain.count
            sealed.removeAll(keepingCapacity: true)
            plain.removeAll(keepingCapacity: true)
        }
        try encryptor.finish(to: &sealed)
        try decryptor.write(sealed.span, to: &plain)
        try decryptor.finish(to: &plain)
        #expect(total + plain.count == 30_000_000)
        #expect(most <= piece.count + 2 * 65_552)
    }
}
