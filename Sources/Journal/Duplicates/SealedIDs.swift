internal import Logging
internal import Synchronization

/// What the thread that commits and the thread that seals share of the duplicates' index.
final class SealedIDs: Sendable {
    struct State: Sendable {
        /// Tables that are full or of an hour that has ended, not yet in files; the newest last. They are still read.
        var waiting: [IDTable] = []
        /// The newest first.
        var files: [IDFile] = []
        /// Everything up to this `seq` is in files.
        var sealedThrough: Int64 = 0
        /// Ids of items up to this `seq` may be forgotten; those of all later ones are here.
        var forgottenThrough: Int64 = 0
    }

    let folder: String
    let files: any JournalFiles
    private let hours: Int64
    let logger: Logger
    private let state: Mutex<State>
    private let spare = Mutex<SpareSlots?>(nil)
    /// The size of the last large table, 0 while there was none.
    private let wantedSpare = Atomic<UInt64>(0)

    init(folder: String, files: any JournalFiles, hours: Int64, logger: Logger, loaded: [IDFile], through: Int64) {
        self.folder = folder
        self.files = files
        self.hours = hours
        self.logger = logger
        // What is missing before the first file has expired.
        let forgotten = loaded.last?.fromSeq ?? 0
        state = Mutex(State(files: loaded, sealedThrough: through, forgottenThrough: forgotten))
    }

    var snapshot: State { state.withLock { $0 } }

    /// Makes memory ready for the next table, once tables fill up.
    func prepareSpare() {
        let bits = wantedSpare.load(ordering: .relaxed)
        guard bits > 0, spare.withLock({ $0 == nil }) else { return }
        var made: SpareSlots? = SpareSlots(bits: bits)
        spare.withLock { $0 = made.take() }
    }

    /// The memory for a full table's successor, if it is ready.
    func takeSpare() -> SpareSlots? { spare.withLock { $0.take() } }

    /// Whether ids of an hour are still looked at in `now`, an hour. The last id of an hour must be known for the whole time.
    func isKept(_ hour: Int64, in now: Int64) -> Bool { hour + hours + 1 > now }

    /// The last `seq` in a file whose id is too old to count in `now`; 0 if there is none.
    func forgotten(of file: IDFile, in now: Int64) -> Int64 {
        file.parts.last { !isKept($0.hour, in: now) }?.toSeq ?? 0
    }

    /// Notes that the ids of items up to `seq` could not be found.
    func forget(through seq: Int64) {
        state.withLock { $0.forgottenThrough = max($0.forgottenThrough, seq) }
    }

    /// The ids of all items after this `seq` are looked at in `hour`.
    func knownAfter(in hour: Int64) -> Int64 {
        state.withLock { state in
            let expired =
                state.waiting.filter { !isKept($0.hour, in: hour) }.map(\.toSeq)
                + state.files.map { forgotten(of: $0, in: hour) }
            return max(state.forgottenThrough, expired.max() ?? 0)
        }
    }

    func retire(_ table: IDTable) {
        // Small tables grow by themselves.
        if table.bits >= 20 { wantedSpare.store(table.bits, ordering: .relaxed) }
        state.withLock { $0.waiting.append(table) }
    }

    /// Writes the waiting tables into files, the oldest first. A table that could not be written stays and is tried
    /// again the next time.
    ///
    /// - Parameter gently: with rests, beside a writer.
    func sealWaiting(gently: Bool = false) throws(JournalError) {
        while let table = state.withLock({ $0.waiting.first }) {
            let path = freePath(hour: table.hour, number: table.toSeq)
            let file: IDFile
            do {
                try IDFile.write(table, to: path, folder: folder, files: files, gently: gently)
            } catch {
                throw JournalError(error, while: "sealing ids of duplicates")
            }
            file = try IDFile(path: path, files: files)
            state.withLock { state in
                // One step, so that every look-up sees the ids once at least.
                state.waiting.removeFirst()
                state.files.insert(file, at: 0)
                state.sealedThrough = max(state.sealedThrough, table.toSeq)
            }
        }
    }

    /// Puts a file in the place of others.
    func replace(_ old: [IDFile], with new: IDFile) {
        state.withLock { state in
            guard let at = state.files.firstIndex(where: { file in old.contains { $0 === file } }) else { return }
            state.files[at] = new
            state.files.removeAll { file in old.contains { $0 === file } }
        }
    }

    /// Takes back the files whose ids are too old to count.
    func expire(in hour: Int64) {
        let old = state.withLock { state in
            let old = state.files.filter { !isKept($0.hour, in: hour) }
            if !old.isEmpty { state.files.removeAll { !isKept($0.hour, in: hour) } }
            state.forgottenThrough = max(state.forgottenThrough, old.map(\.toSeq).max() ?? 0)
            return old
        }
        for file in old {
            do {
                try files.unlink(file.path)
            } catch {
                logger.warning("an expired file of ids stays", metadata: ["error": "\(error)"])
            }
        }
    }

    func freePath(hour: Int64, number: Int64) -> String {
        var number = number
        while true {
            let path = "\(folder)/\(hour)-\(number).ids"
            if !Folder.exists(path) { return path }
            number += 1
        }
    }
}
