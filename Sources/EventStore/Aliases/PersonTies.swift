internal import DuckDB
internal import Synchronization

/// Which identities are tied to others, or were: all others are a person each by themselves, as most are, and need not be looked
/// for among all identities.
///
/// An identity is in it before the commit that ties it, and stays. Whoever asks after the beginning of a transaction hears of
/// each tie that the transaction sees.
public final class PersonTies: Sendable {
    /// An identity that is a person by itself.
    public struct Single: Sendable, Equatable {
        public let identity: String
        public let firstSeq: Int64

        public init(identity: String, firstSeq: Int64) {
            self.identity = identity
            self.firstSeq = firstSeq
        }
    }

    private struct State {
        /// A bit for each identity.
        var tied: [UInt64] = []
        /// Grows before and after each commit that ties somebody.
        var version: Int64 = 0
        /// Whether something was tied whose commit is not known to be over.
        var isTying = false
        /// Those that were asked for of late.
        var singles: [Int64: Single] = [:]

        mutating func tie(_ identity: Int64) {
            let word = Int(identity >> 6)
            if word >= tied.count { tied += Array(repeating: 0, count: word + 1 - tied.count) }
            tied[word] |= 1 << UInt64(identity & 63)
        }

        func isTied(_ identity: Int64) -> Bool {
            let word = Int(identity >> 6)
            return identity >= 0 && word < tied.count && tied[word] >> UInt64(identity & 63) & 1 == 1
        }
    }

    /// How many singles are remembered.
    private static let mostSingles = 4_096
    /// A text above this is not remembered, in bytes.
    private static let longestText = 256

    private let state = Mutex(State())

    init() {}

    /// Whether an identity may be tied to others.
    public func isTied(_ identity: Int64) -> Bool { state.withLock { $0.isTied(identity) } }

    /// Of each of these identities whether it may be tied to others.
    func tied(among identities: [Int64]) -> [Bool] {
        state.withLock { state in identities.map { state.isTied($0) } }
    }

    /// The text of an identity that is a person by itself, if somebody asked for it of late.
    public func single(_ identity: Int64) -> Single? {
        state.withLock { state in state.isTied(identity) ? nil : state.singles[identity] }
    }

    /// Remembers an identity that is a person by itself for `single`.
    public func remember(_ single: Single, _ identity: Int64) {
        guard single.identity.utf8.count <= Self.longestText else { return }
        state.withLock { state in
            if state.singles.count >= Self.mostSingles { state.singles = [:] }
            state.singles[identity] = single
        }
    }

    /// To be called before the commit that gives identities other persons.
    func tie(_ changes: [(identity: Int64, person: Int64)]) {
        guard !changes.isEmpty else { return }
        state.withLock { state in
            state.version += 1
            state.isTying = true
            for change in changes {
                state.tie(change.identity)
                state.tie(change.person)
            }
        }
    }

    /// To be called when the commit is over, before anybody is told of what it stored.
    func settle() {
        state.withLock { state in
            guard state.isTying else { return }
            state.isTying = false
            state.version += 1
        }
    }

    /// Which ties there are: another number where somebody may have been tied meanwhile.
    var version: Int64 { state.withLock { $0.version } }

    /// The same, of an identity that may be tied to others; nil of others.
    func version(ifTied identity: Int64) -> Int64? {
        state.withLock { $0.isTied(identity) ? $0.version : nil }
    }

    /// Reads the ties of a store that was opened; nobody may be reading from it yet.
    func load(_ connection: Connection) throws(DuckDBError) {
        var found = State()
        let rows = try connection.query("SELECT identity_id, person_id FROM identities WHERE identity_id <> person_id")
        while let chunk = try rows.nextChunk() {
            for row in 0..<chunk.rowCount {
                found.tie(chunk.int64(0, row: row))
                found.tie(chunk.int64(1, row: row))
            }
        }
        state.withLock { state in
            found.version = state.version + 1
            state = found
        }
    }
}
