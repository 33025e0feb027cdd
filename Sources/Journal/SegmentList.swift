internal import Synchronization

/// A segment file as the others see it: only what is durable.
struct Segment: Sendable, Equatable {
    let path: String
    let firstSeq: Int64
    /// The last `seq` before it; nil if its head could not be read.
    let previousLast: Int64?
    /// The salt of its frames; nil if its head could not be read.
    let salt: UInt64?
    /// Length in bytes up to the end of the last durable frame.
    var bytes: Int64
    /// The last durable `seq` in it; `firstSeq - 1` if there is none yet.
    var lastSeq: Int64

    /// Whether an item up to `seq` is in it.
    func holdsAny(upTo seq: Int64) -> Bool { firstSeq <= min(seq, lastSeq) }
}

/// The segments that there are, who has passed them, and how much is left to pass.
///
/// The lock is held for a few instructions and never during a call of the system.
final class SegmentList: Sendable {
    private struct State {
        var segments: [Segment]
        /// What each follower has passed; 0 until it reports.
        var followers: [String: Int64]
        /// Those of them that only keep segments for a while: how far behind they are says nothing of the store.
        var keepers: Set<String> = []
        /// What the sealed files of the duplicates' index have.
        var sealedThrough: Int64
        /// The floor of an empty journal: what a reader may ask for without being behind.
        var floor: Int64
    }

    private let state: Mutex<State>
    private let backlog: Atomic<Int64>

    init(segments: [Segment], followers: Set<String>, sealedThrough: Int64, floor: Int64) {
        let state = State(
            segments: segments, followers: Dictionary(uniqueKeysWithValues: followers.map { ($0, 0) }),
            sealedThrough: sealedThrough, floor: floor)
        backlog = Atomic(Self.bytesAfterSlowest(state))
        self.state = Mutex(state)
    }

    var segments: [Segment] { state.withLock { $0.segments } }
    var floor: Int64 { state.withLock { $0.floor } }
    var bytes: Int64 { state.withLock { $0.segments.reduce(0) { $0 + $1.bytes } } }
    /// Bytes after the slowest follower that works on them. Within a segment they are shared out evenly over its items.
    var backlogBytes: Int64 { backlog.load(ordering: .relaxed) }
    var slowest: Int64 { state.withLock { $0.followers.values.min() ?? Int64.max } }
    var followers: [String: Int64] { state.withLock { $0.followers } }

    func add(_ segment: Segment) {
        state.withLock { $0.segments.append(segment) }
    }

    /// A frame of the newest segment is durable.
    func extend(to bytes: Int64, lastSeq: Int64) {
        update { state in
            state.segments[state.segments.count - 1].bytes = bytes
            state.segments[state.segments.count - 1].lastSeq = lastSeq
        }
    }

    func register(_ follower: String, at seq: Int64, isKeeper: Bool = false) {
        update { state in
            state.followers[follower] = max(state.followers[follower] ?? 0, seq)
            if isKeeper { state.keepers.insert(follower) }
        }
    }

    func unregister(_ follower: String) {
        update { state in
            state.followers[follower] = nil
            state.keepers.remove(follower)
        }
    }

    func sealed(through seq: Int64) {
        update { $0.sealedThrough = max($0.sealedThrough, seq) }
    }

    /// The paths of segments that nobody needs any more; each is told once. The newest segment stays.
    func takePassed() -> [String] {
        state.withLock { state in
            guard let slowest = state.followers.values.min() else { return [] }
            let passed = min(slowest, state.sealedThrough)
            var paths: [String] = []
            while state.segments.count > 1, state.segments[0].lastSeq <= passed {
                paths.append(state.segments.removeFirst().path)
            }
            return paths
        }
    }

    /// Whether `takePassed` would find one.
    var hasPassed: Bool {
        state.withLock { state in
            guard state.segments.count > 1, let slowest = state.followers.values.min() else { return false }
            return state.segments[0].lastSeq <= min(slowest, state.sealedThrough)
        }
    }

    private func update(_ change: (inout State) -> Void) {
        state.withLock { state in
            change(&state)
            backlog.store(Self.bytesAfterSlowest(state), ordering: .relaxed)
        }
    }

    private static func bytesAfterSlowest(_ state: State) -> Int64 {
        let followers = state.followers.filter { !state.keepers.contains($0.key) }
        guard let slowest = followers.values.min() else { return 0 }
        var sum: Int64 = 0
        for segment in state.segments.reversed() {
            if segment.lastSeq <= slowest { break }
            if segment.firstSeq > slowest {
                sum += segment.bytes
            } else {
                let share = Double(segment.lastSeq - slowest) / Double(segment.lastSeq - segment.firstSeq + 1)
                sum += Int64(Double(segment.bytes) * share)
            }
        }
        return sum
    }
}
