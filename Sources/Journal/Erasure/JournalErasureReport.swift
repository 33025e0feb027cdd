/// What an erasure did to the journal's files, for receipts; it names files and counts, and nobody.
///
/// An erasure that is asked for again reports only what it did itself: what left before is not named.
public struct JournalErasureReport: Sendable, Equatable {
    /// A segment that is gone.
    public struct Segment: Sendable, Equatable {
        /// The file's name within the journal's folder, as in all of these.
        public var name: String
        public var bytes: Int64
        /// How many of the erased items were in it.
        public var items: Int
        /// Whether its name is gone from the folder.
        public var isVerified: Bool
    }

    /// A file of ids that was rewritten.
    public struct IDs: Sendable, Equatable {
        public var name: String
        /// The ids that were taken out: those of items and of their parts.
        public var removed: Int
        public var kept: Int
        /// Whether the new file was read back with all that was kept and nothing of what was erased.
        public var isVerified: Bool
    }

    /// A file that was set aside, and removed now.
    public struct SetAside: Sendable, Equatable {
        public enum Reason: String, Sendable {
            /// A torn tail with one of the texts in it.
            case holdsText
            /// A torn tail that does not tell of all that it holds whose it is.
            case unattributable
            /// Ids that a file of the index has already, or that have expired.
            case superseded
            /// A damaged file of ids, which nobody can look into; what segments still told of it was read again.
            case damagedIDs
        }

        public var name: String
        public var bytes: Int64
        public var reason: Reason
        public var isVerified: Bool
    }

    /// A segment that stays.
    public struct Remaining: Sendable, Equatable {
        public var name: String
        /// How many of its items hold one of the texts: they came after `through`.
        public var mentions: Int
        /// Whether it could be read whole and has nothing up to `through`.
        public var isVerified: Bool
    }

    /// Everything up to this `seq` has left.
    public var through: Int64
    public var segments: [Segment] = []
    public var ids: [IDs] = []
    public var setAside: [SetAside] = []
    public var remaining: [Remaining] = []

    /// Whether all of it was found done when it was read again.
    public var isVerified: Bool {
        segments.allSatisfy(\.isVerified) && ids.allSatisfy(\.isVerified) && setAside.allSatisfy(\.isVerified)
            && remaining.allSatisfy(\.isVerified)
    }
}
