internal import Logging
internal import Model

/// What the segments hold, from the first to the last.
extension Recovery {
    mutating func findSegments() throws(JournalError) -> [Segment] {
        var found: [Segment] = []
        do {
            let firsts = try Folder.names(folder).compactMap(FileNames.firstSeq).sorted()
            for (i, firstSeq) in firsts.enumerated() {
                let path = "\(folder)/\(FileNames.segment(firstSeq))"
                let descriptor = try files.open(path, .read)
                defer { files.close(descriptor) }
                let size = try Folder.size(descriptor)
                var head = [UInt8](repeating: 0, count: SegmentHeader.bytes)
                let got = try Folder.read(descriptor, into: &head, count: head.count, at: 0)
                let header = SegmentHeader(head.span.extracting(0..<got))
                if header == nil, size <= Int64(SegmentHeader.bytes), i == firsts.count - 1 {
                    // Its making was interrupted, so no frame was ever in it.
                    try files.unlink(path)
                    continue
                }
                found.append(
                    Segment(
                        path: path, firstSeq: firstSeq, previousLast: header?.previousLast, salt: header?.salt,
                        bytes: size, lastSeq: firstSeq - 1))
            }
        } catch {
            throw JournalError(error, while: "looking for the journal's segments")
        }
        return found
    }

    /// Reads what must be read, completes `segments`, and returns the last one opened for appending, if it is sound.
    mutating func scan(
        _ segments: inout [Segment], into index: DuplicateIndex, after through: Int64
    ) throws(JournalError) -> ActiveSegment? {
        var active: ActiveSegment?
        for i in segments.indices {
            let isLast = i == segments.count - 1
            if !isLast {
                segments[i].lastSeq = segments[i + 1].previousLast ?? (segments[i + 1].firstSeq - 1)
            }
            lastSeq = max(lastSeq, segments[i].firstSeq - 1)
            if let before = i == 0 ? nil : segments[i].previousLast, before > segments[i - 1].lastSeq {
                report(segments[i].path, 0, "the segment before it is missing")
            }
            guard segments[i].salt != nil else {
                report(segments[i].path, 0, "its head is not right")
                // What it holds cannot be read, so it counts as full: followers must come to it and stop, and it must
                // not be deleted as passed.
                if isLast {
                    unseen = segments[i].firstSeq + segments[i].bytes / Int64(FrameHeader.leastItemBytes) + 1
                    segments[i].lastSeq = unseen - 1
                    endIsUnreadable = true
                } else if segments[i].lastSeq < segments[i].firstSeq {
                    segments[i].lastSeq = segments[i + 1].firstSeq - 1
                }
                lastSeq = max(lastSeq, segments[i].lastSeq)
                continue
            }
            if isLast {
                active = try scanLast(&segments[i], into: index, after: through)
            } else if segments[i].lastSeq > through || segments[i].lastSeq < segments[i].firstSeq {
                let found = try scan(segments[i], from: nil, into: index, after: through).found
                for offset in found.damage + [found.tail?.lowerBound].compactMap({ $0 }) {
                    report(segments[i].path, offset, "it holds no valid frame there")
                }
                // The next head does not know it if this file's own could not be read then.
                segments[i].lastSeq = max(segments[i].lastSeq, found.lastSeq)
                if found.damage.isEmpty, found.tail == nil, found.lastSeq < segments[i].lastSeq {
                    report(segments[i].path, segments[i].bytes, "its end is missing")
                }
            }
            lastSeq = max(lastSeq, segments[i].lastSeq)
            lastRead = max(lastRead, segments[i].lastSeq)
        }
        return active
    }

    mutating func scan(
        _ segment: Segment, from position: Position?, into index: DuplicateIndex, after through: Int64
    ) throws(JournalError) -> (found: SegmentScan, salt: UInt64) {
        let salt = segment.salt ?? 0
        let descriptor: Int32
        do {
            descriptor = try files.open(segment.path, .read)
        } catch {
            throw JournalError(error, while: "opening a segment")
        }
        defer { files.close(descriptor) }
        var cursor = FrameCursor(
            descriptor: descriptor, salt: salt, offset: position?.offset ?? Int64(SegmentHeader.bytes),
            windowBytes: 4 << 20)
        var bytes = replayed
        var expired: Int64?
        let nowHour = DuplicateIndex.hour(of: now)
        let logger = logger
        let found = try SegmentScan(
            &cursor, after: position?.lastSeqBefore ?? segment.firstSeq - 1, limit: segment.bytes
        ) { header, payload, window throws(JournalError) in
            guard header.lastSeq > through else { return }
            bytes += Int64(header.frameBytes)
            let hour = DuplicateIndex.hour(of: header.committedAt)
            if index.turn(to: hour, written: bytes) {
                do {
                    try index.shared.sealWaiting()
                } catch {
                    logger.error("ids of duplicates could not be sealed", metadata: ["error": "\(error)"])
                }
            }
            if index.shared.isKept(hour, in: nowHour) {
                Self.register(header, payload, window, in: index.active)
            } else {
                expired = header.lastSeq
            }
            index.cover(through: header.lastSeq)
        }
        replayed = bytes
        if let expired { expiredThrough = max(expiredThrough ?? 0, expired) }
        return (found, salt)
    }

    /// Notes the ids of a frame's items. An item that was stored whole brings the ids of its parts with it; a part
    /// that was stored alone is an item like any other.
    private static func register(
        _ header: FrameHeader, _ payload: Range<Int>, _ window: [UInt8], in table: IDTable
    ) {
        let span = window.span.extracting(payload)
        var at = 0
        var seq = header.firstSeq
        while seq <= header.lastSeq, let item = ItemLayout(span, at: &at) {
            if item.dedupID != .none { table.insert(item.dedupID, seq) }
            for part in 0..<item.partCount { table.insert(item.partID(part, in: span), seq) }
            seq += 1
        }
    }
}
