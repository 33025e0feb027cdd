internal import Logging

/// The files that frames go into, one after another.
extension Writer {
    /// The next frame begins a new segment.
    func leaveSegment() {
        if let active {
            giveBackRoom(active)
            files.close(active.descriptor)
        }
        active = nil
    }

    /// Cuts off what was written ahead and not used. Where that fails, the zeros stay and readers pass over them.
    func giveBackRoom(_ segment: ActiveSegment) {
        guard segment.room.end > segment.bytes else { return }
        do throws(FileError) {
            try files.truncate(segment.descriptor, to: segment.bytes)
            try files.synchronizeData(segment.descriptor)
        } catch {
            core.logger.warning("room written ahead stays in the journal", metadata: ["error": "\(error)"])
        }
    }

    /// Begins a new segment now, without a frame.
    func beginSegment() throws(JournalError) {
        leaveSegment()
        active = try create()
    }

    /// A new segment, on disk with its name before the first frame goes into it.
    func create() throws(JournalError) -> ActiveSegment {
        let path = "\(core.options.directory)/\(FileNames.segment(nextSeq))"
        let header = SegmentHeader(
            firstSeq: nextSeq, previousLast: lastRead, salt: UInt64.random(in: 0...UInt64.max))
        let descriptor: Int32
        do throws(FileError) {
            // Only what a failed attempt left can have this name.
            if Folder.exists(path) { try files.unlink(path) }
            descriptor = try files.open(path, .create)
            do throws(FileError) {
                try files.write(header.encoded().span, to: descriptor, at: 0)
            } catch {
                files.close(descriptor)
                try? files.unlink(path)
                throw error
            }
        } catch {
            throw JournalError(error, while: "making \(path)")
        }
        do {
            try files.synchronizeData(descriptor)
            try files.synchronizeDirectory(core.options.directory)
        } catch {
            files.close(descriptor)
            throw refuse("\(path) could not be synced (\(error)).")
        }
        core.segments.add(
            Segment(
                path: path, firstSeq: nextSeq, previousLast: lastRead, salt: header.salt,
                bytes: Int64(SegmentHeader.bytes), lastSeq: nextSeq - 1))
        return ActiveSegment(
            firstSeq: nextSeq, path: path, descriptor: descriptor, salt: header.salt,
            bytes: Int64(SegmentHeader.bytes), lastFrameAt: Int64(SegmentHeader.bytes), lastSeqBefore: nextSeq - 1)
    }
}
