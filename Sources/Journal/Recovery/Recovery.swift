internal import Logging
internal import Model

/// The segment that frames are appended to.
struct ActiveSegment {
    let firstSeq: Int64
    let path: String
    let descriptor: Int32
    let salt: UInt64
    /// Up to the end of the last durable frame.
    var bytes: Int64
    /// The room after it.
    var room = WrittenRoom()
    /// Where the last frame begins, and the last `seq` before it.
    var lastFrameAt: Int64
    var lastSeqBefore: Int64
}

/// A journal as it was found, ready to go on.
struct Recovered {
    var segments: [Segment] = []
    /// Nil if the next frame begins a new segment: in an empty journal, and after damage.
    var active: ActiveSegment?
    var durableSeq: Int64
    /// The last `seq` that was read, for the head of the next segment: less than `durableSeq` where a file counts as
    /// full because its head cannot be read.
    var lastRead: Int64
    var nextSeq: Int64
    var index: DuplicateIndex
    /// Bytes of frames that were read into the index.
    var replayed: Int64
    var tornTail: TornTail?
    var damage: [JournalError] = []
    var damagedIDFiles: [String] = []
}

/// Opening a journal: finds its end, cuts a torn tail, and brings the duplicates' index up to date.
///
/// * The last segment is read whole, unless a clean close noted that all have passed it. Earlier ones are read only
///   as far back as the duplicates' index must be brought up to date; readers check every frame anyway.
/// * A torn tail is saved aside and cut; so is a last frame with a flipped byte, which looks the same.
/// * Damage before the last frame is left as it is, and opening succeeds: new frames go to a new segment, with
///   numbers above everything that can be seen, and followers stop at the damage with an error. So nothing that is
///   still readable is lost, and collection goes on.
struct Recovery {
    private let options: JournalOptions
    private let logger: Logger
    private let folder: String
    private let files: any JournalFiles
    private let now: Timestamp
    private var damage: [JournalError] = []
    private var tornTail: TornTail?
    /// The highest `seq` that was seen, and one that surely was not yet.
    private var lastSeq: Int64 = 0
    private var lastRead: Int64 = 0
    /// Whether the last segment counts as full. What the store has seen of it then says nothing of where it ends.
    private var endIsUnreadable = false
    /// The last `seq` that was read whose ids are too old to count.
    private var expiredThrough: Int64?
    private var unseen: Int64 = 1
    private var replayed: Int64 = 0

    private init(_ options: JournalOptions, _ logger: Logger) {
        self.options = options
        self.logger = logger
        folder = options.directory
        files = options.files
        now = options.clock()
    }

    static func run(_ options: JournalOptions, _ logger: Logger) throws(JournalError) -> Recovered {
        var recovery = Recovery(options, logger)
        return try recovery.run()
    }

    private mutating func run() throws(JournalError) -> Recovered {
        let idFolder = "\(folder)/\(FileNames.duplicates)"
        do {
            try Folder.make(idFolder)
            try files.synchronizeDirectory(folder)
        } catch {
            throw JournalError(error, while: "making the journal's folder")
        }
        let ids = try LoadedIDs(folder: idFolder, files: files)
        for path in ids.damaged {
            logger.error("a file of duplicates' ids is damaged; its ids are read again", metadata: ["file": "\(path)"])
        }
        let shared = SealedIDs(
            folder: idFolder, files: files, hours: options.duplicateHours, logger: logger,
            loaded: ids.files, through: ids.through)
        let index = DuplicateIndex(
            shared: shared, from: ids.through, hour: .min, tableIDs: options.tableIDs, sealBytes: options.sealBytes)

        var segments = try findSegments()
        let active = try scan(&segments, into: index, after: ids.through)
        noteForgotten(segments, ids, index)
        finish(ids, index)

        if !segments.isEmpty, options.seqFloor > lastSeq {
            logger.warning(
                "the journal ends before what the store has seen",
                metadata: ["journal": "\(lastSeq)", "store": "\(options.seqFloor)"])
        }
        let next = max(unseen, lastSeq + 1, options.seqFloor + 1, ids.highest + 1)
        return Recovered(
            segments: segments, active: active, durableSeq: max(lastSeq, options.seqFloor),
            lastRead: endIsUnreadable ? lastRead : max(lastRead, options.seqFloor), nextSeq: next, index: index,
            replayed: replayed, tornTail: tornTail, damage: damage, damagedIDFiles: ids.damaged)
    }

    /// Notes what neither files nor segments tell the ids of: what was deleted, what cannot be read, and what is too old.
    private func noteForgotten(_ segments: [Segment], _ ids: LoadedIDs, _ index: DuplicateIndex) {
        let last = max(lastSeq, options.seqFloor)
        var forgotten = expiredThrough ?? 0
        let first = segments.first.map { $0.firstSeq - 1 } ?? last
        if first > ids.through { forgotten = max(forgotten, first) }
        if options.seqFloor > max(lastSeq, ids.through) { forgotten = max(forgotten, options.seqFloor) }
        if !damage.isEmpty || endIsUnreadable { forgotten = last }
        index.forget(through: forgotten)
    }

    /// Seals what damage made necessary, sets the damaged files aside only then, and lets go of what is too old.
    private func finish(_ ids: LoadedIDs, _ index: DuplicateIndex) {
        let hour = DuplicateIndex.hour(of: now)
        if !ids.damaged.isEmpty { index.retireActive(hour: index.active.hour, written: replayed) }
        do {
            try index.shared.sealWaiting()
            for path in ids.damaged {
                do {
                    try files.rename(path, to: path + ".damaged")
                } catch {
                    throw JournalError(error, while: "setting a damaged file aside")
                }
            }
        } catch {
            // The tables stay in memory and are tried again; the damaged files are found again by the next start.
            logger.error("ids of duplicates could not be sealed at the start", metadata: ["error": "\(error)"])
        }
        index.shared.expire(in: hour)
    }

    // MARK: Segments

    private mutating func findSegments() throws(JournalError) -> [Segment] {
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
    private mutating func scan(
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

    private mutating func scan(
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

    private mutating func scanLast(
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

    private mutating func report(_ path: String, _ offset: Int64, _ what: String) {
        let error = JournalError(
            .damaged,
            "The journal is damaged: \(path) at byte \(offset): \(what). Followers stop there; restore the file "
                + "from a copy.", file: path, offset: offset)
        logger.critical("the journal is damaged", metadata: ["error": "\(error)"])
        damage.append(error)
    }
}
