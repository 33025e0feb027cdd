internal import Model

/// Where a clean close left the last segment, so that the next start need not read again what all have passed. It is
/// safe to lose and worth nothing as soon as the segment has another length.
struct Position: Equatable {
    /// The segment, and its length.
    var firstSeq: Int64
    var bytes: Int64
    /// Where its last frame begins (which is always checked), and the last `seq` before it.
    var offset: Int64
    var lastSeqBefore: Int64

    init(firstSeq: Int64, bytes: Int64, offset: Int64, lastSeqBefore: Int64) {
        self.firstSeq = firstSeq
        self.bytes = bytes
        self.offset = offset
        self.lastSeqBefore = lastSeqBefore
    }

    /// Reads the file; nil if it is not there or not whole.
    init?(path: String, files: any JournalFiles) {
        guard Folder.exists(path), let descriptor = try? files.open(path, .read) else { return nil }
        defer { files.close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: 36)
        guard (try? Folder.read(descriptor, into: &bytes, count: 36, at: 0)) == 36 else { return nil }
        let fields = bytes.span
        guard Checksum.crc32(fields.extracting(0..<32)) == fields.load(32, as: UInt32.self) else { return nil }
        firstSeq = fields.load(0)
        self.bytes = fields.load(8)
        offset = fields.load(16)
        lastSeqBefore = fields.load(24)
    }

    func write(path: String, files: any JournalFiles) throws(FileError) {
        var bytes: [UInt8] = []
        for value in [firstSeq, self.bytes, offset, lastSeqBefore] { bytes.appendLittleEndian(value) }
        bytes.appendLittleEndian(Checksum.crc32(bytes.span))
        let temporary = path + ".tmp"
        if Folder.exists(temporary) { try files.unlink(temporary) }
        let descriptor = try files.open(temporary, .create)
        defer { files.close(descriptor) }
        try files.write(bytes.span, to: descriptor, at: 0)
        try files.synchronizeData(descriptor)
        try files.rename(temporary, to: path)
    }
}
