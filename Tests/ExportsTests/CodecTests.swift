import Codecs
import Testing

@Suite("Streams unpack to what was packed, within a bound")
struct CodecTests {
    private static func bytes(_ count: Int, seed: Int) -> [UInt8] {
        var generator = SeededGenerator(seed: seed)
        return (0..<count).map { _ in UInt8.random(in: 97..<105, using: &generator) }
    }

    private static func pack(_ bytes: [UInt8], _ kind: Compression, piece: Int) throws -> [UInt8] {
        let compressor = try Compressor(kind)
        var out: [UInt8] = []
        var at = 0
        while at < bytes.count {
            let end = min(bytes.count, at + piece)
            try compressor.write(Array(bytes[at..<end]).span, to: &out)
            at = end
        }
        try compressor.finish(to: &out)
        return out
    }

    private static func unpack(_ bytes: [UInt8], _ kind: Compression, piece: Int) throws -> [UInt8] {
        let decompressor = try Decompressor(kind)
        var out: [UInt8] = []
        var at = 0
        while at < bytes.count {
            let end = min(bytes.count, at + piece)
            try decompressor.write(Array(bytes[at..<end]).span, to: &out)
            at = end
        }
        try decompressor.finish()
        return out
    }

    @Test(arguments: [Compression.gzip, .zstd, .none], [0, 1, 1_000, 700_000])
    func roundTrip(_ kind: Compression, count: Int) throws {
        let bytes = Self.bytes(count, seed: count)
        for piece in [1 << 20, 4_099] {
            let packed = try Self.pack(bytes, kind, piece: piece)
            #expect(try Self.unpack(packed, kind, piece: piece) == bytes)
            #expect(try BodyDecoder.decode(packed, kind) == bytes)
            #expect(try Self.pack(bytes, kind, piece: piece) == packed)
        }
    }

    @Test(arguments: [Compression.gzip, .zstd])
    func severalMembersAreOneStream(_ kind: Compression) throws {
        let packed = try Self.pack([1, 2, 3], kind, piece: 9) + Self.pack([4, 5], kind, piece: 9)
        #expect(try Self.unpack(packed, kind, piece: 1) == [1, 2, 3, 4, 5])
        #expect(try Self.unpack(packed, kind, piece: 999) == [1, 2, 3, 4, 5])
    }

    @Test(arguments: [Compression.gzip, .zstd])
    func aBombIsStopped(_ kind: Compression) throws {
        let bomb = try Self.pack(Array(repeating: 0, count: 30 << 20), kind, piece: 1 << 20)
        let error = #expect(throws: CodecError.self) { _ = try BodyDecoder.decode(bomb, kind) }
        #expect(error?.code == .tooLarge)
    }

    @Test(arguments: [Compression.gzip, .zstd])
    func damageIsFound(_ kind: Compression) throws {
        let packed = try Self.pack(Self.bytes(5_000, seed: 1), kind, piece: 1_000)
        let cut = #expect(throws: CodecError.self) { _ = try BodyDecoder.decode(Array(packed.dropLast(9)), kind) }
        #expect(cut?.code == .truncated)
        let other = #expect(throws: CodecError.self) { _ = try BodyDecoder.decode(Array("not packed".utf8), kind) }
        #expect(other?.code == .damaged)
        var flipped = packed
        flipped[packed.count / 2] ^= 0x10
        #expect(throws: CodecError.self) { _ = try BodyDecoder.decode(flipped, kind) }
    }
}
