public import Threads

/// The file of an export, for somebody who reads it while it is written.
public final class ExportFollowing: Sendable {
    public struct Start: Sendable {
        /// Where the file is until it is whole.
        public let path: String
        public let columns: [Manifest.Column]
    }

    /// How many bytes it has.
    public let growth = Growth()
    private let starts = AsyncStream<Start>.makeStream()

    public init() {}

    /// Waits until the file is there; nil if it never will be, or cannot be followed.
    public func begun() async -> Start? {
        for await start in starts.stream { return start }
        return nil
    }

    /// Nobody follows any more.
    public func leave() { end(isWhole: false) }

    func begin(_ path: String, _ columns: [Manifest.Column]) {
        starts.continuation.yield(Start(path: path, columns: columns))
        starts.continuation.finish()
    }

    func end(isWhole: Bool) {
        growth.end(isWhole: isWhole)
        starts.continuation.finish()
    }
}
