internal import Model

/// Goes through a segment's frames in order, through a window of its bytes.
struct FrameCursor {
    enum Step {
        /// A frame whose checksum is right; its payload lies in `window`.
        case frame(FrameHeader, payload: Range<Int>)
        /// Nothing follows before the limit, or nothing but the room that was written ahead for frames.
        case end
        /// The bytes at `offset` are not a whole frame of this segment.
        case bad
    }

    let descriptor: Int32
    let salt: UInt64
    /// Where the next frame begins in the file.
    var offset: Int64
    private(set) var window: [UInt8]
    private var windowStart: Int64 = 0
    private var windowCount = 0

    init(descriptor: Int32, salt: UInt64, offset: Int64, windowBytes: Int) {
        self.descriptor = descriptor
        self.salt = salt
        self.offset = offset
        window = [UInt8](repeating: 0, count: windowBytes)
    }

    /// The frame at `offset`, which moves past it if it is good. Only bytes before `limit` are looked at.
    mutating func next(limit: Int64) throws(FileError) -> Step {
        if offset >= limit { return .end }
        guard limit - offset >= Int64(FrameHeader.bytes),
            let at = try locate(FrameHeader.bytes, limit: limit),
            let header = header(at), limit - offset >= Int64(header.frameBytes),
            let start = try locate(header.frameBytes, limit: limit),
            checksum(start, header.frameBytes) == header.checksum
        else { return try writtenEnd(limit: limit) == offset ? .end : .bad }
        offset += Int64(header.frameBytes)
        return .frame(header, payload: (start + FrameHeader.bytes)..<(start + header.frameBytes))
    }

    /// Goes over the frames that end at or before `seq`, by their heads alone; false at bytes that are no head.
    mutating func skip(through seq: Int64, limit: Int64) throws(FileError) -> Bool {
        while offset < limit {
            guard limit - offset >= Int64(FrameHeader.bytes), let at = try locate(FrameHeader.bytes, limit: limit),
                let header = header(at), limit - offset >= Int64(header.frameBytes)
            else { return try writtenEnd(limit: limit) == offset }
            if header.lastSeq > seq { return true }
            offset += Int64(header.frameBytes)
        }
        return true
    }

    /// The next place after `offset` where a frame's head seems to begin; nil if there is none before `limit`.
    mutating func searchHead(limit: Int64) throws(FileError) -> (at: Int64, header: FrameHeader)? {
        let kept = offset
        defer { offset = kept }
        offset += 1
        while limit - offset >= Int64(FrameHeader.bytes) {
            guard let at = try locate(FrameHeader.bytes, limit: limit) else { return nil }
            let end = min(windowCount, Int(limit - windowStart)) - FrameHeader.bytes
            var place = at
            while place <= end {
                if window[place] == 0x53, let header = header(place) {
                    return (windowStart + Int64(place), header)
                }
                place += 1
            }
            offset = windowStart + Int64(place)
        }
        return nil
    }

    /// Where the bytes from `offset` on end that are not the zeros of room written ahead; at least `offset`.
    mutating func writtenEnd(limit: Int64) throws(FileError) -> Int64 {
        let kept = offset
        defer { offset = kept }
        var end = offset
        while offset < limit, let at = try locate(1, limit: limit) {
            let bytes = at..<min(windowCount, at + Int(limit - offset))
            if let last = bytes.last(where: { window[$0] != 0 }) { end = windowStart + Int64(last) + 1 }
            offset = windowStart + Int64(bytes.upperBound)
        }
        return end
    }

    private func header(_ at: Int) -> FrameHeader? {
        FrameHeader(window.span.extracting(at..<(at + FrameHeader.bytes)), salt: salt)
    }

    private func checksum(_ at: Int, _ count: Int) -> UInt32 {
        FrameHeader.checksum(of: window.span.extracting(at..<(at + count)))
    }

    /// Where the `count` bytes at `offset` lie in the window, which is filled anew if they are not all in it; nil if
    /// the file is shorter.
    private mutating func locate(_ count: Int, limit: Int64) throws(FileError) -> Int? {
        if offset < windowStart || offset + Int64(count) > windowStart + Int64(windowCount) {
            if count > window.count { window = [UInt8](repeating: 0, count: count) }
            let wanted = Int(min(Int64(window.count), limit - offset))
            windowStart = offset
            windowCount = 0
            windowCount = try Folder.read(descriptor, into: &window, count: wanted, at: offset)
        }
        let at = Int(offset - windowStart)
        return at + count <= windowCount ? at : nil
    }
}
