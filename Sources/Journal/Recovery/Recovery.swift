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
    let options: JournalOptions
    let logger: Logger
    let folder: String
    let files: any JournalFiles
    let now: Timestamp
    var damage: [JournalError] = []
    var tornTail: TornTail?
    /// The highest `seq` that was seen, and one that surely was not yet.
    var lastSeq: Int64 = 0
    var lastRead: Int64 = 0
    /// Whether the last segment counts as full. What the store has seen of it then says nothing of where it ends.
    var endIsUnreadable = false
    /// The last `seq` that was read whose ids are too old to count.
    var expiredThrough: Int64?
    var unseen: Int64 = 1
    var replayed: Int64 = 0

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

    mutating func report(_ path: String, _ offset: Int64, _ what: String) {
        let error = JournalError(
            .damaged,
            "The journal is damaged: \(path) at byte \(offset): \(what). Followers stop there; restore the file "
                + "from a copy.", file: path, offset: offset)
        logger.critical("the journal is damaged", metadata: ["error": "\(error)"])
        damage.append(error)
    }
}
