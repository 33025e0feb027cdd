internal import Logging
internal import Model

/// The last segment, in which a crash leaves its traces.
extension Recovery {
    mutating func scanLast(
        _ segment: inout Segment, into index: DuplicateIndex, after through: Int64
    ) throws(JournalError) -> ActiveSegment? {
        let positionPath = "\(folder)/\(FileNames.position)"
        var position = Position(path: positionPath, files: files)
        if let read = position,
            read.firstSeq != segment.firstSeq || read.bytes != segment.bytes || read.lastSeqBefore > through
        {
            position = nil
        }
        var (found, salt) = try scan(segment, from: position, into: index, after: through)
        if position != nil, found.tail != nil || !found.damage.isEmpty {
            // The position itself may be wrong: read everything before anything is cut.
            position = nil
            (found, salt) = try scan(segment, from: nil, into: index, after: through)
        }
        segment.lastSeq = max(segment.lastSeq, found.lastSeq)
        lastSeq = max(lastSeq, found.lastSeq)
        // As many items as these bytes can hold at most may have had numbers that somebody saw. Of a frame that went into room
        // written ahead, the end may be zeros still.
        let written = found.tail.map { min(segment.bytes, $0.upperBound + Int64(WrittenRoom.largestFrame)) }
        let left = (written ?? found.goodEnd) - found.goodEnd
        if left > 0 { unseen = lastSeq + left / Int64(FrameHeader.leastItemBytes) + 1 }

        do throws(FileError) {
            if Folder.exists(positionPath) { try files.unlink(positionPath) }
            if !found.damage.isEmpty {
                for offset in found.damage { report(segment.path, offset, "it holds no valid frame there") }
                return nil
            }
            let descriptor = try files.open(segment.path, .readWrite)
            do throws(FileError) {
                if let tail = found.tail { try saveAside(tail, of: segment, descriptor) }
                if segment.bytes > found.goodEnd {
                    try files.truncate(descriptor, to: found.goodEnd)
                    segment.bytes = found.goodEnd
                }
                if position == nil { try secure(found, descriptor) }
            } catch {
                files.close(descriptor)
                throw error
            }
            return ActiveSegment(
                firstSeq: segment.firstSeq, path: segment.path, descriptor: descriptor, salt: salt,
                bytes: segment.bytes, lastFrameAt: found.lastFrame?.offset ?? Int64(SegmentHeader.bytes),
                lastSeqBefore: found.lastFrame?.lastSeqBefore ?? segment.firstSeq - 1)
        } catch {
            throw JournalError(error, while: "recovering the journal's last segment")
        }
    }

    /// Makes sure that what followers will be given is on disk.
    ///
    /// The last frame is written once more as it is: after a failed sync the system holds its pages as clean although
    /// the disk never took them, and another sync alone would do nothing.
    private func secure(_ found: SegmentScan, _ descriptor: Int32) throws(FileError) {
        if let frame = found.lastFrame {
            var bytes = [UInt8](repeating: 0, count: frame.bytes)
            _ = try Folder.read(descriptor, into: &bytes, count: bytes.count, at: frame.offset)
            try files.write(bytes.span, to: descriptor, at: frame.offset)
        }
        try files.synchronizeData(descriptor)
    }

    private mutating func saveAside(
        _ tail: Range<Int64>, of segment: Segment, _ descriptor: Int32
    ) throws(FileError) {
        var time = now.microseconds
        while Folder.exists("\(folder)/torn-\(lastSeq + 1)-\(time).bin") { time += 1 }
        let saved = "\(folder)/torn-\(lastSeq + 1)-\(time).bin"
        var bytes = [UInt8](repeating: 0, count: tail.count)
        let count = try Folder.read(descriptor, into: &bytes, count: bytes.count, at: tail.lowerBound)
        let copy = try files.open(saved, .create)
        do {
            defer { files.close(copy) }
            try files.write(bytes.span.extracting(0..<count), to: copy, at: 0)
            try files.synchronizeData(copy)
            try files.synchronizeDirectory(folder)
        } catch {
            try? files.unlink(saved)
            throw error
        }
        tornTail = TornTail(
            file: segment.path, offset: tail.lowerBound, bytes: Int64(tail.count), savedAs: saved)
        logger.warning(
            "the journal ended in a torn frame; it was cut and saved",
            metadata: [
                "file": "\(segment.path)", "offset": "\(tail.lowerBound)", "bytes": "\(tail.count)",
                "saved": "\(saved)",
            ])
    }
}
