internal import Glibc
internal import Model

/// A sealed table: an immutable file that is mapped into memory; little-endian.
///
/// ```
/// 0  u64 magic      8  u32 format version    12 u32 bits: the table has 2^bits slots
/// 16 i64 hour since 1970 of the newest id    24 i64 fromSeq    32 i64 toSeq: holds the ids of (fromSeq, toSeq]
/// 40 u64 number of ids    48 u64 multiplier  56 u64 blocks of the Bloom filter    64 u32 CRC-32 of these 64 bytes
/// 68 u32 zero    72 i64 lowest seq of an id (0: no ids)    80 u32 CRC-32 of these 80 bytes; zeros in older files
/// 84 u32 number of parts, of a file that was merged from several; then i64 hour, i64 toSeq of each, and u32 CRC-32 of these
/// 4096 Bloom filter, then the slots
/// ```
///
/// Unchecked: the mapping is only read.
@safe final class IDFile: @unchecked Sendable {
    static let headerBytes = 4_096
    static let magic: UInt64 = 0x3149_4543_4955_4c53  // "SLUICEI1"
    static let version: UInt32 = 1

    let path: String
    let hour: Int64
    let fromSeq: Int64
    let toSeq: Int64
    let count: Int
    /// What of it came in which hour, the oldest first; one part unless it was merged.
    let parts: [IDPart]
    let isMerged: Bool
    /// The lowest `seq` in it, which can be less than `fromSeq`; nil if the file does not tell.
    let lowestSeq: Int64?
    let bytes: Int
    private let bits: UInt64
    private let multiplier: UInt64
    private let blocks: Int
    // The mapping is `bytes` long, checked against the file's size, and lives as long as this object.
    private nonisolated(unsafe) let base: UnsafeMutableRawPointer
    private nonisolated(unsafe) let filter: UnsafeRawPointer
    private nonisolated(unsafe) let slots: UnsafeRawPointer

    /// Maps a file; `.damaged` if its head or its size is not right.
    init(path: String, files: any JournalFiles) throws(JournalError) {
        self.path = path
        let descriptor: Int32
        let size: Int
        var head = [UInt8](repeating: 0, count: IDPart.offset + 4 + IDPart.most * IDPart.bytes + 4)
        do throws(FileError) {
            descriptor = try files.open(path, .read)
            do throws(FileError) {
                size = Int(try Folder.size(descriptor))
                _ = try Folder.read(descriptor, into: &head, count: head.count, at: 0)
            } catch {
                files.close(descriptor)
                throw error
            }
        } catch {
            throw JournalError(error, while: "opening a file of ids")
        }
        defer { files.close(descriptor) }
        func damage(_ what: String) -> JournalError {
            JournalError(.damaged, "The file of ids \(path) is damaged: \(what).", file: path, offset: 0)
        }
        let fields = head.span
        guard fields.load(0) == Self.magic, fields.load(8) == Self.version,
            Checksum.crc32(fields.extracting(0..<64)) == fields.load(64, as: UInt32.self)
        else { throw damage("its head is not right") }
        bits = UInt64(fields.load(12, as: UInt32.self))
        hour = fields.load(16)
        fromSeq = fields.load(24)
        toSeq = fields.load(32)
        count = Int(truncatingIfNeeded: fields.load(40, as: UInt64.self))
        multiplier = fields.load(48)
        blocks = Int(truncatingIfNeeded: fields.load(56, as: UInt64.self))
        let tellsLowest = Checksum.crc32(fields.extracting(0..<80)) == fields.load(80, as: UInt32.self)
        lowestSeq = tellsLowest ? fields.load(72) : nil
        let merged = IDPart.decode(fields)
        isMerged = merged != nil
        parts = merged ?? [IDPart(hour: hour, toSeq: toSeq)]
        let tableAt = Self.headerBytes + blocks * BlockedBloom.blockBytes
        bytes = tableAt + (1 << Int(bits)) * IDTable.slotBytes
        guard bytes == size else { throw damage("it has \(size) bytes instead of \(bytes)") }
        let mapped = unsafe mmap(nil, bytes, PROT_READ, MAP_SHARED, descriptor, 0)
        // MAP_FAILED is all ones, which the macro cannot tell Swift.
        guard let mapped = unsafe mapped, UInt(bitPattern: mapped) != UInt.max else {
            throw JournalError(.io, "mmap of \(path) failed (error \(errno)).", file: path)
        }
        unsafe madvise(mapped, bytes, MADV_RANDOM)
        unsafe base = mapped
        unsafe filter = UnsafeRawPointer(mapped) + Self.headerBytes
        unsafe slots = UnsafeRawPointer(mapped) + tableAt
    }

    deinit { unsafe munmap(base, bytes) }

    /// Sets the `seq` in `found` of each id that is here with one above `after`. `open` are the places in `ids` that are still looked for;
    /// those that were found leave it.
    func find(_ ids: [Hash128], _ open: inout [Int32], _ found: inout [Int64], after: Int64) {
        var kept = 0
        for i in 0..<open.count {
            let at = Int(open[i])
            let seq = find(ids[at])
            if seq > after {
                found[at] = seq
                continue
            }
            open[kept] = open[i]
            kept += 1
        }
        open.removeLast(open.count - kept)
    }

    /// The `seq` of an id, or 0.
    @inline(__always)
    func find(_ id: Hash128) -> Int64 {
        // The filter and the slots lie within the mapping.
        guard unsafe BlockedBloom.mayHold(id, in: filter, blocks: blocks, multiplier: multiplier) else { return 0 }
        return unsafe IDSlots.find(id, in: slots, bits: bits, multiplier: multiplier)
    }

    /// Calls `body` with each id and its `seq`. Reads all of the file.
    func forEach(_ body: (Hash128, Int64) -> Void) {
        // The system reads ahead meanwhile. The slots lie within the mapping.
        unsafe madvise(base, bytes, MADV_SEQUENTIAL)
        unsafe SlotMemory.forEach(slots, 0..<(1 << Int(bits)), body)
        unsafe madvise(base, bytes, MADV_RANDOM)
    }

    /// Writes a table to a file, which appears under its name only when it is whole and on disk.
    ///
    /// - Parameters:
    ///   - parts: what came in which hour, if the table was merged.
    ///   - gently: rests between the steps.
    static func write(
        _ kept: IDTable, parts: [IDPart]? = nil, to path: String, folder: String, files: any JournalFiles, gently: Bool
    ) throws(FileError) {
        let table = kept.settled
        let temporary = path + ".tmp"
        if Folder.exists(temporary) { try files.unlink(temporary) }
        let blocks = BlockedBloom.blocks(for: table.count)
        var head: [UInt8] = []
        head.reserveCapacity(headerBytes + blocks * BlockedBloom.blockBytes)
        head.appendLittleEndian(magic)
        head.appendLittleEndian(version)
        head.appendLittleEndian(UInt32(table.bits))
        head.appendLittleEndian(table.hour)
        head.appendLittleEndian(table.fromSeq)
        head.appendLittleEndian(table.toSeq)
        head.appendLittleEndian(UInt64(table.count))
        head.appendLittleEndian(table.multiplier)
        head.appendLittleEndian(UInt64(blocks))
        head.appendLittleEndian(Checksum.crc32(head.span))
        head.appendLittleEndian(UInt32(0))
        head.appendLittleEndian(table.lowestSeq)
        head.appendLittleEndian(Checksum.crc32(head.span))
        if let parts { IDPart.encode(parts, into: &head) }
        head.append(contentsOf: repeatElement(0, count: headerBytes - head.count))
        var filter = [UInt8](repeating: 0, count: blocks * BlockedBloom.blockBytes)
        table.forEachID { BlockedBloom.insert($0, into: &filter, blocks: blocks, multiplier: table.multiplier) }
        head.append(contentsOf: filter)

        let descriptor = try files.open(temporary, .create)
        do {
            defer { files.close(descriptor) }
            try writeInSteps(head.span, descriptor, at: 0, files, gently)
            // The slots live as long as the table, which is not changed any more.
            let slots = unsafe Span<UInt8>(
                _unsafeStart: UnsafeRawPointer(table.slots).assumingMemoryBound(to: UInt8.self),
                count: table.slotCount * IDTable.slotBytes)
            try writeInSteps(slots, descriptor, at: Int64(head.count), files, gently)
            try files.rename(temporary, to: path)
            try files.synchronizeDirectory(folder)
        } catch {
            try? files.unlink(temporary)
            throw error
        }
    }

    /// Syncs every megabyte, and rests as long as that took twice over: the journal's own syncs wait for what others
    /// have the disk do.
    private static func writeInSteps(
        _ bytes: Span<UInt8>, _ descriptor: Int32, at offset: Int64, _ files: any JournalFiles, _ gently: Bool
    ) throws(FileError) {
        var at = 0
        while at < bytes.count {
            let end = min(at + (1 << 20), bytes.count)
            let began = monotonicNanoseconds()
            try files.write(bytes.extracting(at..<end), to: descriptor, at: offset + Int64(at))
            try files.synchronizeData(descriptor)
            at = end
            if gently, at < bytes.count { usleep(UInt32(min(50_000, (monotonicNanoseconds() - began) / 500))) }
        }
    }
}
