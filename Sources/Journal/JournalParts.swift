/// The files of a journal at one moment, for a copy of them: opened elsewhere they are a journal as a crash at that moment
/// would have left it.
public struct JournalParts: Sendable {
    public struct Part: Sendable, Equatable {
        /// The file's name in the journal's folder, with the folder between if there is one.
        public let name: String
        /// How much of it counts: what follows may be no whole frame yet. Nil for all of a file that never changes.
        public let bytes: Int64?
    }

    /// The folder of ids in the journal's.
    public static let idFolder = FileNames.duplicates

    /// Ids of duplicates, each file complete. One may go meanwhile, merged with others or too old: the parts are to be asked for
    /// again then.
    public let ids: [Part]
    /// Segments, oldest first.
    public let segments: [Part]
    /// Everything up to this `seq` is in them, or was in segments that nobody needs any more.
    public let lastSeq: Int64
}

extension Journal {
    /// From now on nothing is deleted that a copy needs beside a store that has everything up to `seq`, until
    /// `unregister(follower:)`.
    public func keepParts(for follower: String, after seq: Int64) {
        // First everything: what is sealed and applied by then may go, and nothing after it.
        core.segments.register(follower, at: 0, isKeeper: true)
        core.segments.register(follower, at: min(seq, core.sealed.snapshot.sealedThrough), isKeeper: true)
    }

    /// What such a copy consists of now.
    ///
    /// The ids come first: they are never ahead of the segments, or what they call a duplicate would be nowhere.
    public func parts(for follower: String) -> JournalParts {
        let folder = core.options.directory + "/"
        let ids = core.sealed.snapshot.files.map { file in
            JournalParts.Part(name: String(file.path.dropFirst(folder.utf8.count)), bytes: nil)
        }
        let passed = core.segments.followers[follower] ?? 0
        let all = core.segments.segments
        let needed = all.enumerated().filter { $0.element.lastSeq > passed || $0.offset == all.count - 1 }
        return JournalParts(
            ids: ids,
            segments: needed.map { place, segment in
                JournalParts.Part(
                    name: FileNames.segment(segment.firstSeq), bytes: place == all.count - 1 ? segment.bytes : nil)
            }, lastSeq: all.last?.lastSeq ?? core.segments.floor)
    }
}
