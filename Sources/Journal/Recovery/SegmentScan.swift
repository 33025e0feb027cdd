internal import Model

/// What a pass over one segment found.
struct SegmentScan {
    /// The last `seq` of a good frame, or what it began with.
    var lastSeq: Int64
    /// The end of the last good frame.
    var goodEnd: Int64
    /// The last good frame, where it begins, and the last `seq` before it.
    var lastFrame: (offset: Int64, bytes: Int, lastSeqBefore: Int64)?
    /// Bad frames that other frames follow.
    var damage: [Int64] = []
    /// Where the bytes are that are not a whole frame and that no frame follows.
    var tail: Range<Int64>?

    /// Goes over the frames from `cursor` to `limit`, and calls `body` with the good ones.
    ///
    /// A frame is synced before the next one is begun. So an interrupted write can leave one unfinished frame at the
    /// very end and nothing else: a bad frame is a torn tail if no head of a frame follows it, and damage if one does.
    /// The segment's salt in the head keeps bytes of an event from passing for one.
    init(
        _ cursor: inout FrameCursor, after lastSeq: Int64, limit: Int64,
        _ body: (FrameHeader, Range<Int>, [UInt8]) throws(JournalError) -> Void
    ) throws(JournalError) {
        self.lastSeq = lastSeq
        goodEnd = cursor.offset
        do {
            while true {
                let start = cursor.offset
                switch try cursor.next(limit: limit) {
                case .end: return
                case .frame(let header, let payload) where header.firstSeq > self.lastSeq:
                    try body(header, payload, cursor.window)
                    lastFrame = (start, header.frameBytes, self.lastSeq)
                    self.lastSeq = header.lastSeq
                    goodEnd = cursor.offset
                case .frame:
                    // A whole frame whose numbers go back: nothing writes such a thing.
                    damage.append(start)
                case .bad:
                    guard let next = try cursor.searchHead(limit: limit) else {
                        // What was being written may end in zeros itself; more than a page of them is room.
                        tail = start..<min(limit, try cursor.writtenEnd(limit: limit) + 4_096)
                        return
                    }
                    damage.append(start)
                    cursor.offset = next.at
                }
            }
        } catch let error as FileError {
            throw JournalError(error, while: "reading the journal at its start")
        } catch let error as JournalError {
            throw error
        } catch {
            throw JournalError(.io, "\(error)")
        }
    }
}
