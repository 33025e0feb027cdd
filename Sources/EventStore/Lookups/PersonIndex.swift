internal import DuckDB
internal import Model
internal import Synchronization

/// What a look-up by identity answers with, as far as it can be kept in memory: whose an identity is, and how many events the
/// person has in cold files, from when to when. A look-up that finds its person here asks the engine for nothing, and so does not
/// wait behind a report.
///
/// It is made when look-ups come (`PersonIndex.wants`), by reading each cold file once, and is never believed where it could be
/// wrong: whoever has rows in hot tables, was tied since, or lies in a file that was not read yet is looked up by the engine. What it
/// keeps is bounded; whoever is beyond that is looked up by the engine, too.
public final class PersonIndex: Sendable {
    /// A person as of a `seq`.
    public struct Known: Sendable {
        public let seq: Int64
        public let person: Int64
        /// In the order in which they first appeared.
        public let identities: [(id: Int64, text: String)]
        public internal(set) var activity: PersonActivity?
        /// Whether cold files have properties of the person, which are not kept here.
        public internal(set) var hasProperties = false
    }

    struct State {
        /// Whether the tables were read, without which nothing is known of rows that were there before the start.
        var isBuilt = false
        /// Identities by the hash of their text, up to this one.
        var names = HashIndex()
        var lastIdentity: Int64 = 0
        var circles = TiedCircles()
        var files: [Int64: FileActivity] = [:]
        /// Identities with rows in each generation of hot tables.
        var touched: [Int64: IdentityBits] = [:]
        /// Nothing is known of generations before this one.
        var firstGeneration: Int64 = 0
        var misses = 0
    }

    /// Why the engine has to be asked.
    enum Miss: Error { case incomplete, touched }

    /// The bounds of what is kept: identities (a slot takes 24 bytes), and entries of all files (24 bytes).
    static let mostIdentities: Int64 = 1_500_000
    static let mostEntries = 4_000_000
    /// Look-ups in vain that the index could have answered, after which it is made or made complete.
    private static let patience = 16

    let state = Mutex(State())
    /// Against texts that were made to collide.
    let seed = UInt64.random(in: .min ... .max)
    /// Tells when it should be made, or made complete.
    let wants: AsyncStream<Void>
    private let waker: AsyncStream<Void>.Continuation
    private let ties: PersonTies

    init(ties: PersonTies) {
        self.ties = ties
        (wants, waker) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    /// The person of an identity; nil if the engine has to be asked.
    ///
    /// - Parameters:
    ///   - seq: everything up to this is in the layout, which was looked at after it.
    func find(_ identity: String, seq: Int64, _ layout: Layout) -> Known? {
        let hash = Hash128(identity, seed: seed)
        let (known, isWanted) = state.withLock { state -> (Known?, Bool) in
            do throws(Miss) {
                return (try state.find(hash, identity, seq: seq, layout, ties), false)
            } catch {
                guard error == .incomplete else { return (nil, false) }
                state.misses += 1
                return (nil, state.misses % Self.patience == 0)
            }
        }
        if isWanted { waker.yield() }
        return known
    }

    /// To be called before the commit that gives these identities rows in a generation of hot tables.
    func touch(_ identities: [Int64], _ generation: Int64) {
        guard !identities.isEmpty else { return }
        state.withLock { state in
            var bits = state.touched.removeValue(forKey: generation) ?? IdentityBits()
            for identity in identities { bits.insert(identity) }
            state.touched[generation] = bits
        }
    }

    /// Forgets everything: numbers may mean others from now on, or nobody.
    func forget() { state.withLock { $0 = State() } }
}

extension PersonIndex.State {
    func find(
        _ hash: Hash128, _ text: String, seq: Int64, _ layout: Layout, _ ties: PersonTies
    ) throws(PersonIndex.Miss) -> PersonIndex.Known {
        guard isBuilt, let identity = names.find(hash) else { throw .incomplete }
        var known: PersonIndex.Known
        if let version = ties.version(ifTied: identity) {
            guard version == circles.version else { throw .incomplete }
            guard let (person, members) = circles.circle(of: identity) else { throw .touched }
            known = PersonIndex.Known(seq: seq, person: person, identities: members)
        } else {
            known = PersonIndex.Known(seq: seq, person: identity, identities: [(identity, text)])
        }
        for generation in layout.generations {
            guard generation >= firstGeneration else { throw .incomplete }
            guard let bits = touched[generation] else { continue }
            guard !known.identities.contains(where: { bits.contains($0.id) }) else { throw .touched }
        }
        for file in layout.files {
            guard file.contents.seqs.upperBound <= seq else { throw .touched }
            guard let activity = files[file.id] else { throw .incomplete }
            for (id, _) in known.identities {
                if let found = activity.find(id) { known.activity = known.activity?.with(found) ?? found }
                if activity.changed.contains(id) { known.hasProperties = true }
            }
        }
        return known
    }
}

extension EventStore {
    /// The person of an identity as of now, if it can be told without the engine; nil tells nothing.
    public func known(identity: String) -> PersonIndex.Known? {
        // In this order: the layout has the rows of everything that is applied by then.
        let seq = appliedSeq
        return lookups.find(identity, seq: seq, layouts.current)
    }
}
