internal import Logging
internal import Model

/// The ids of the last seven days: the newest in a table in memory, the others in sealed files.
///
/// Ids are written to memory first and reach the disk only when a table is sealed, in one sequential pass beside the
/// writer. A mapped table that is written in place would have dirty pages all over it, and ext4 makes a journal's
/// `fdatasync` wait for them. A crash loses nothing by it: the index follows the journal like any other follower, and
/// what came after the last sealed file is read again from there.
///
/// The writer's thread owns this object; only `shared` is seen by others.
final class DuplicateIndex {
    let shared: SealedIDs
    private(set) var active: IDTable
    private let tableIDs: Int
    private let sealBytes: Int64
    private var open: [Int32] = []

    init(shared: SealedIDs, from seq: Int64, hour: Int64, tableIDs: Int, sealBytes: Int64) {
        self.shared = shared
        self.tableIDs = tableIDs
        self.sealBytes = sealBytes
        active = IDTable(hour: hour, fromSeq: seq)
    }

    static func hour(of time: Timestamp) -> Int64 {
        let seconds = time.secondsAndMicroseconds.seconds
        return seconds >= 0 ? seconds / 3_600 : (seconds - 3_599) / 3_600
    }

    /// Begins a new table if the hour has ended or the table is full; true if there is one to seal then. A clock that
    /// goes back changes nothing.
    func turn(to hour: Int64, written: Int64) -> Bool {
        let full = active.count >= tableIDs || written - active.startedAt >= sealBytes
        guard hour > active.hour || full else { return false }
        if active.isEmpty {
            active.hour = max(hour, active.hour)
            active.startedAt = written
            return false
        }
        retireActive(
            hour: max(hour, active.hour), written: written, expecting: full ? min(active.count, IDTable.fullCount) : 0)
        return true
    }

    /// Begins a new table for an hour that may be an earlier one.
    func leave(for hour: Int64, written: Int64) {
        if !retireActive(hour: hour, written: written) { active.hour = hour }
    }

    /// Hands the table over for sealing if it holds anything.
    @discardableResult
    func retireActive(hour: Int64, written: Int64, expecting: Int = 0) -> Bool {
        guard !active.isEmpty else { return false }
        let old = active
        if expecting > 0, let spare = shared.takeSpare() {
            active = IDTable(hour: hour, fromSeq: old.toSeq, spare: spare)
        } else {
            active = IDTable(hour: hour, fromSeq: old.toSeq, expecting: expecting)
        }
        active.startedAt = written
        shared.retire(old)
        return true
    }

    /// Sets `found[i]` to the `seq` of `ids[i]`, or to 0; `.none` is never found.
    ///
    /// One file is asked for all ids before the next one, so that the cache misses of a frame's ids overlap.
    func find(_ ids: [Hash128], into found: inout [Int64], hour: Int64) {
        found.removeAll(keepingCapacity: true)
        open.removeAll(keepingCapacity: true)
        active.touch(ids)
        for (i, id) in ids.enumerated() {
            let seq = id == .none ? 0 : active.find(id)
            found.append(seq)
            if seq == 0, id != .none { open.append(Int32(i)) }
        }
        let sealed = shared.snapshot
        for table in sealed.waiting.reversed() where !open.isEmpty && shared.isKept(table.hour, in: hour) {
            open.removeAll { i in
                let seq = table.find(ids[Int(i)])
                if seq != 0 { found[Int(i)] = seq }
                return seq != 0
            }
        }
        for file in sealed.files where !open.isEmpty && shared.isKept(file.hour, in: hour) {
            file.find(ids, &open, &found, after: shared.forgotten(of: file, in: hour))
        }
    }

    /// Notes that the ids of items up to `seq` could not be found, so that the table does not claim them, now and once it is
    /// in a file.
    func forget(through seq: Int64) {
        guard seq > 0 else { return }
        shared.forget(through: seq)
        active.fromSeq = max(active.fromSeq, seq)
        active.toSeq = max(active.toSeq, active.fromSeq)
    }

    /// Notes that everything up to `seq` is in the table.
    func cover(through seq: Int64) { active.toSeq = max(active.toSeq, seq) }
}
