import Testing

@testable import Age

@Suite("Changed, moved, cut and added bytes are found, and nothing unproved comes out")
struct TamperTests {
    private static let chunk = Chunks.sealedLength

    /// Plain bytes of so many chunks, the sealed file, and where its first chunk begins.
    private static func file(_ length: Int) throws -> (plain: [UInt8], sealed: [UInt8], start: Int) {
        var generator = SeededGenerator(seed: length)
        let plain = generator.bytes(length)
        let sealed = try encrypt(plain, for: [Keys.recipient(0)])
        let chunks = max(1, (length + Chunks.length - 1) / Chunks.length)
        return (plain, sealed, sealed.count - length - chunks * Chunks.tagLength)
    }

    /// Opens it; what came out must be the beginning of what went in, in whole chunks.
    private static func code(_ bytes: [UInt8], _ plain: [UInt8]) throws -> AgeError.Code? {
        var out: [UInt8] = []
        let identity = try Keys.identity(0)
        do throws(AgeError) {
            try decrypt(bytes, [identity], out: &out)
            #expect(out == plain)
            return nil
        } catch {
            #expect(plain.starts(with: out))
            #expect(out.count.isMultiple(of: Chunks.length))
            return error.code
        }
    }

    @Test func everyByteOfASmallFile() throws {
        let (plain, sealed, _) = try Self.file(40)
        for at in sealed.indices {
            for bit in [1, 0x80] as [UInt8] {
                var changed = sealed
                changed[at] ^= bit
                #expect(try Self.code(changed, plain) != nil, "byte \(at)")
            }
        }
    }

    @Test func everyLengthOfASmallFile() throws {
        let (plain, sealed, start) = try Self.file(40)
        for count in 0..<sealed.count {
            let code = try Self.code(Array(sealed[..<count]), plain)
            #expect(code == (count < start + 16 ? .truncated : .tampered), "\(count) bytes")
        }
        for extra in [[0], sealed, [UInt8](repeating: 0, count: 1 << 17)] as [[UInt8]] {
            let code = try Self.code(sealed + extra, plain)
            #expect(code == .tampered, "\(extra.count) more")
        }
    }

    @Test(arguments: [3 * Chunks.length, 3 * Chunks.length - 5, 2 * Chunks.length + 1])
    func bordersOfChunks(_ length: Int) throws {
        let (plain, sealed, start) = try Self.file(length)
        let chunk = Self.chunk
        // Cut at each border, and beside it.
        #expect(try Self.code(Array(sealed[..<start]), plain) == .truncated)
        for border in [start + chunk, start + 2 * chunk] {
            #expect(try Self.code(Array(sealed[..<border]), plain) == .truncated)
            #expect(try Self.code(Array(sealed[..<(border - 1)]), plain) == .tampered)
            #expect(try Self.code(Array(sealed[..<(border + 1)]), plain) == .truncated)
            #expect(try Self.code(Array(sealed[..<(border + 15)]), plain) == .truncated)
            if border + 16 < sealed.count {
                #expect(try Self.code(Array(sealed[..<(border + 16)]), plain) == .tampered)
            }
        }
        #expect(try Self.code(sealed.dropLast(), plain) == .tampered)
        // A bit of each chunk, and of its code.
        for index in 0..<3 {
            for offset in [0, 8, min(chunk, sealed.count - start - index * chunk) - 1] {
                var changed = sealed
                changed[start + index * chunk + offset] ^= 0x10
                #expect(try Self.code(changed, plain) == .tampered)
            }
        }
        // Chunks in another order, twice, left out.
        let pieces = stride(from: start, to: sealed.count, by: chunk).map {
            Array(sealed[$0..<min(sealed.count, $0 + chunk)])
        }
        let head = Array(sealed[..<start])
        for order in [[1, 0, 2], [0, 0, 1, 2], [0, 1, 1, 2], [0, 2], [1, 2], [2]] {
            #expect(try Self.code(head + order.flatMap { pieces[$0] }, plain) == .tampered, "\(order)")
        }
        // Something after the last chunk: of a full one it is known that it was the last.
        let isFull = length.isMultiple(of: Chunks.length)
        for extra in [1, 16, 17, chunk] {
            let code = try Self.code(sealed + [UInt8](repeating: 0, count: extra), plain)
            #expect(code == (isFull ? .trailing : .tampered))
        }
        // The nonce is part of the key.
        var changed = sealed
        changed[start - 1] ^= 1
        #expect(try Self.code(changed, plain) == .tampered)
    }

    /// Files that no proper program writes, though their keys and codes are right.
    @Test func chunksThatShouldNotBe() throws {
        let me = try Keys.identity(0)
        let full = [UInt8](repeating: 1, count: Chunks.length)
        let some = Array("some".utf8)
        for (name, chunks, code) in [
            ("an empty last chunk", [(full, false), ([], true)], AgeError.Code.tampered),
            ("a short chunk before", [(some, false), (some, true)], .tampered),
            ("no last chunk", [(some, false)], .tampered), ("no last chunk, full", [(full, false)], .truncated),
            ("none last of two", [(full, false), (full, false)], .truncated),
            ("two last", [(full, true), (some, true)], .trailing),
            ("two last, full", [(full, true), (full, true)], .trailing),
            ("no chunk", [], .truncated),
        ] as [(String, [([UInt8], Bool)], AgeError.Code)] {
            var file = try HandMade(for: me)
            file.chunks = chunks
            #expect(try failure(file.bytes, [me])?.code == code, "\(name)")
        }
    }
}
