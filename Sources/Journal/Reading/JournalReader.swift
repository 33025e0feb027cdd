public import Model

/// One group commit as followers read it.
public struct JournalFrame: Sendable {
    public let firstSeq: Int64
    /// The number of items.
    public let count: Int
    public let committedAt: Timestamp
    /// The items' binary forms one after another (`ItemLayout`); item `i` has the `seq` `firstSeq + i`.
    public let payload: [UInt8]

    public var lastSeq: Int64 { firstSeq + Int64(count) - 1 }
}

/// Reads the durable frames of a journal in order. It has one owner and blocks: keep it on an executor for that.
public final class JournalReader {
    private let core: JournalCore
    /// Everything up to this `seq` was handed out.
    public private(set) var seq: Int64
    private var cursor: FrameCursor?
    private var path = ""
    private var segmentFirst: Int64 = 0

    init(core: JournalCore, after seq: Int64) throws(JournalError) {
        self.core = core
        self.seq = seq
        _ = try segment(core.segments.segments)
    }

    deinit { closeSegment() }

    /// The next frames, at least one and up to about `maxBytes` of payload; empty at the durable end.
    ///
    /// The first frame is cut so that it begins after the `seq` that the reader was made for.
    ///
    /// - Throws: `.behind` if the frames were deleted, `.damaged` with file and offset at bytes that are not what was
    ///   written; the reader stays before them, so that it throws again.
    public func next(maxBytes: Int) throws(JournalError) -> [JournalFrame] {
        var frames: [JournalFrame] = []
        do {
            try gather(maxBytes, into: &frames)
        } catch {
            // What is good before the damage is handed out; the next call meets it again.
            if frames.isEmpty { throw error }
        }
        return frames
    }

    private func gather(_ maxBytes: Int, into frames: inout [JournalFrame]) throws(JournalError) {
        var bytes = 0
        while bytes < maxBytes {
            guard let (segment, isNewest) = try openSegment() else { break }
            guard let frame = try read(segment) else {
                // An older segment is read to its end: go to the next one.
                if isNewest {
                    // What is durable has no room in it: zeros there are in the place of frames.
                    if let offset = cursor?.offset, offset < segment.bytes { throw damage(at: offset) }
                    break
                }
                guard seq >= segment.lastSeq else { throw damage(at: segment.bytes) }
                closeSegment()
                continue
            }
            seq = frame.lastSeq
            bytes += frame.payload.count
            frames.append(frame)
        }
    }

    /// The next frame of the open segment; nil at its durable end.
    private func read(_ segment: Segment) throws(JournalError) -> JournalFrame? {
        while true {
            let step: FrameCursor.Step
            do {
                guard let read = try cursor?.next(limit: segment.bytes) else { return nil }
                step = read
            } catch {
                throw JournalError(error, while: "reading \(path)")
            }
            switch step {
            case .end: return nil
            case .bad: throw damage(at: cursor?.offset ?? 0)
            case .frame(let header, let payload):
                if header.lastSeq <= seq { continue }
                guard let window = cursor?.window else { return nil }
                guard let first = Self.start(of: seq, header, window, payload) else {
                    throw damage(at: (cursor?.offset ?? 0) - Int64(header.frameBytes))
                }
                let skipped = max(0, seq + 1 - header.firstSeq)
                return JournalFrame(
                    firstSeq: header.firstSeq + skipped, count: header.count - Int(skipped),
                    committedAt: header.committedAt, payload: Array(window[first..<payload.upperBound]))
            }
        }
    }

    /// Where the first item after `seq` begins.
    private static func start(of seq: Int64, _ header: FrameHeader, _ window: [UInt8], _ payload: Range<Int>) -> Int? {
        var at = payload.lowerBound
        var skipped = header.firstSeq
        while skipped <= seq {
            guard ItemLayout(window.span, at: &at) != nil, at <= payload.upperBound else { return nil }
            skipped += 1
        }
        return at
    }

    /// The segment that the next frame is in, opened; nil if there is nothing after `seq` yet.
    private func openSegment() throws(JournalError) -> (Segment, isNewest: Bool)? {
        let segments = core.segments.segments
        if cursor != nil, let index = segments.firstIndex(where: { $0.firstSeq == segmentFirst }) {
            return (segments[index], index == segments.count - 1)
        }
        if cursor != nil {
            // Deleted while it was read, after all had passed it: this reader's owner among them.
            closeSegment()
        }
        guard let index = try segment(segments) else { return nil }
        let segment = segments[index]
        guard let salt = segment.salt else { throw damage(of: segment.path, at: 0) }
        let whole: Bool
        do {
            let descriptor = try core.options.files.open(segment.path, .read)
            cursor = FrameCursor(
                descriptor: descriptor, salt: salt, offset: Int64(SegmentHeader.bytes), windowBytes: 1 << 20)
            whole = try cursor?.skip(through: seq, limit: segment.bytes) ?? true
        } catch {
            closeSegment()
            throw JournalError(error, while: "opening \(segment.path)")
        }
        path = segment.path
        segmentFirst = segment.firstSeq
        guard whole else { throw damage(at: cursor?.offset ?? 0) }
        return (segment, index == segments.count - 1)
    }

    /// Which of the segments holds what follows `seq`; nil if nothing does yet.
    private func segment(_ segments: [Segment]) throws(JournalError) -> Int? {
        guard let first = segments.first else {
            if seq < core.segments.floor { throw behind(core.segments.floor) }
            return nil
        }
        let index = segments.lastIndex { $0.firstSeq <= seq + 1 }
        guard let index else {
            // Numbers may be left out between segments; the head says which was the last before it.
            if let previous = first.previousLast, previous <= seq { return 0 }
            throw behind(first.firstSeq - 1)
        }
        // At the end of a segment that is not the newest, the next one holds what follows.
        guard segments[index].lastSeq <= seq, index + 1 < segments.count else { return index }
        let next = segments[index + 1]
        if let previous = next.previousLast, previous > max(seq, segments[index].lastSeq) {
            let error = JournalError(
                .damaged,
                "The journal has no file for the items \(segments[index].lastSeq + 1) to \(previous). Restore it, or "
                    + "let the followers go on from the store.", file: next.path, offset: 0)
            core.meet(error, after: seq)
            throw error
        }
        return index + 1
    }

    private func behind(_ first: Int64) -> JournalError {
        JournalError(.behind, "The items after \(seq) up to \(first) are no longer in the journal; read the store.")
    }

    private func damage(at offset: Int64) -> JournalError { damage(of: path, at: offset) }

    private func damage(of path: String, at offset: Int64) -> JournalError {
        let error = JournalError(
            .damaged,
            "The journal is damaged: \(path) holds no valid frame at byte \(offset), after item \(seq). Restore the "
                + "file from a copy; do not delete it.", file: path, offset: offset)
        core.meet(error, after: seq)
        return error
    }

    private func closeSegment() {
        if let cursor { core.options.files.close(cursor.descriptor) }
        cursor = nil
    }
}
