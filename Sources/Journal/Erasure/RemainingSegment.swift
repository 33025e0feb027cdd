internal import Model

extension ErasureJob {
    /// Reads a segment that stays, and counts the items in it that hold one of the texts.
    static func read(
        _ segment: Segment, _ search: TextSearch, after through: Int64, _ files: any JournalFiles
    ) throws(JournalError) -> JournalErasureReport.Remaining {
        var remaining = JournalErasureReport.Remaining(
            name: FileNames.last(of: segment.path), mentions: 0, isVerified: segment.salt != nil)
        guard let salt = segment.salt else { return remaining }
        do throws(FileError) {
            let descriptor = try files.open(segment.path, .read)
            defer { files.close(descriptor) }
            var cursor = FrameCursor(
                descriptor: descriptor, salt: salt, offset: Int64(SegmentHeader.bytes), windowBytes: 1 << 20)
            while true {
                switch try cursor.next(limit: segment.bytes) {
                case .end: return remaining
                case .bad:
                    remaining.isVerified = false
                    return remaining
                case .frame(let header, let payload):
                    if header.firstSeq <= through { remaining.isVerified = false }
                    let span = cursor.window.span.extracting(payload)
                    var (start, at) = (0, 0)
                    while ItemLayout(span, at: &at) != nil {
                        if search.isIn(span.extracting(start..<at)) { remaining.mentions += 1 }
                        start = at
                    }
                }
            }
        } catch {
            throw JournalError(error, while: "reading \(segment.path) after an erasure")
        }
    }
}
