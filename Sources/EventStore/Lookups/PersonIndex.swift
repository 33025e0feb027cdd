internal import DuckDB
internal import Model
internal import Synchronization

/// What a look-up by identity answers with, in memory: whose an identity is, how many events the person has, from when to when, and
/// current properties. A look-up that finds its person here asks the engine for nothing, and so does not wait behind a report.
///
/// It is made when look-ups come (`wants`), by reading everything once, as of a `seq`. From then on the applier notes whose rows it
/// adds: those are looked up by the engine until the index has been brought up to date, which reads the new rows alone. So it is never
/// believed where it could be wrong. What it keeps is bounded; whoever is beyond that is looked up by the engine, too.
public final class PersonIndex: Sendable {
    /// A person as of a `seq`.
    public struct Known: Sendable {
        public let seq: Int64
        public let person: Int64
        /// In the order in which they first appeared.
        public let identities: [(id: Int64, text: String)]
        public internal(set) var activity: PersonActivity?
        public internal(set) var properties = Properties.none
    }

    /// The current properties of a person.
    public enum Properties: Sendable, Equatable {
        case none
        /// A JSON object.
        case object([UInt8])
        /// There are some, which are not kept here.
        case unknown
    }

    struct State {
        /// Everything up to this is in it; nil before it is made.
        var asOf: Int64?
        /// Whether whose rows are added is noted.
        var isWatching = false
        /// Identities with rows after `asOf`, with the last `seq` of the batch that brought the newest.
        var notes: [Int64: Int64] = [:]
        /// The batch that was applied last, or is being applied.
        var batch: (last: Int64, identities: [Int64]) = (0, [])
        /// Identities by the hash of their text, up to this one.
        var names = NameIndex()
        var lastIdentity: Int64 = 0
        var circles = TiedCircles()
        var activity = ActivityTable()
        var documents = PropertyDocuments()
        /// Identities whose properties were hidden since the index was made.
        var hidden = 0
        var misses = 0
    }

    /// Why the engine has to be asked: because the index is not up to date, or would not know either.
    enum Miss: Error { case incomplete, unknown }

    /// The most identities that are kept (a slot of a hash takes 16 bytes, of activity 20), and the most notes.
    static let mostIdentities: Int64 = 3_000_000
    private static let mostNotes = 1_000_000
    /// Look-ups in vain that the index could have answered, after which it is made or brought up to date.
    private static let patience = 16

    let state = Mutex(State())
    /// Against texts that were made to collide.
    let seed = UInt64.random(in: .min ... .max)
    /// Tells when it should be made, or brought up to date.
    let wants: AsyncStream<Void>
    private let waker: AsyncStream<Void>.Continuation
    private let ties: PersonTies

    init(ties: PersonTies) {
        self.ties = ties
        (wants, waker) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    /// The person of an identity as of a `seq` that is applied; nil if the engine has to be asked.
    func find(_ identity: String, seq: Int64) -> Known? {
        let hash = Hash128(identity, seed: seed)
        let (known, isWanted) = state.withLock { state -> (Known?, Bool) in
            do throws(Miss) {
                return (try state.find(hash, identity, seq: seq, ties), false)
            } catch {
                guard error == .incomplete else { return (nil, false) }
                state.misses += 1
                return (nil, state.misses % Self.patience == 0)
            }
        }
        if isWanted { waker.yield() }
        return known
    }

    /// To be called before the commit of a batch, whose last item has this `seq`, that gives these identities rows.
    func touch(_ identities: [Int64], upTo last: Int64) {
        state.withLock { state in
            state.batch = (last, identities)
            guard state.isWatching else { return }
            state.note(identities, last)
            // So much came since anybody looked that it is begun anew when somebody does.
            if state.notes.count > Self.mostNotes { state = State(batch: state.batch) }
        }
    }

    /// From now on whose rows are added is noted; of the batch that is being applied, too.
    func watch() {
        state.withLock { state in
            guard !state.isWatching else { return }
            state.isWatching = true
            state.note(state.batch.identities, state.batch.last)
        }
    }

    /// Forgets everything: numbers may mean others from now on, or nobody.
    func forget() { state.withLock { $0 = State() } }
}

extension PersonIndex.State {
    fileprivate mutating func note(_ identities: [Int64], _ last: Int64) {
        for identity in identities { notes[identity] = last }
    }

    fileprivate func find(
        _ hash: Hash128, _ text: String, seq: Int64, _ ties: PersonTies
    ) throws(PersonIndex.Miss) -> PersonIndex.Known {
        guard let asOf, seq >= asOf else { throw .incomplete }
        guard let identity = names.find(hash) else {
            throw lastIdentity < PersonIndex.mostIdentities ? .incomplete : .unknown
        }
        var known: PersonIndex.Known
        if let version = ties.version(ifTied: identity) {
            guard version == circles.version else { throw .incomplete }
            guard let (person, members) = circles.circle(of: identity) else { throw .unknown }
            known = PersonIndex.Known(seq: seq, person: person, identities: members)
        } else {
            known = PersonIndex.Known(seq: seq, person: identity, identities: [(identity, text)])
        }
        for (id, _) in known.identities {
            guard notes[id] == nil else { throw .incomplete }
            guard id <= lastIdentity else { throw .unknown }
            if let found = activity.find(id) { known.activity = known.activity?.with(found) ?? found }
            let properties = documents.find(id)
            if properties != .none { known.properties = known.identities.count == 1 ? properties : .unknown }
        }
        return known
    }
}

extension EventStore {
    /// The person of an identity as of now, if it can be told without the engine; nil tells nothing.
    public func known(identity: String) -> PersonIndex.Known? {
        let known = lookups.find(identity, seq: appliedSeq)
        // Whoever looks somebody up most often asks next what they did: then the engine need not be asked whose the number is. Since
        // when is not kept here; it only tells which files are too old.
        if let known, let (id, text) = known.identities.first, known.identities.count == 1, ties.single(id) == nil {
            ties.remember(PersonTies.Single(identity: text, firstSeq: 0), id)
        }
        return known
    }
}
