internal import Codecs
internal import EventStore

/// What an export will come to, before it runs.
public struct ExportEstimate: Sendable, Equatable {
    public let rows: Int64
    /// Of all files together.
    public let bytes: Int64
    /// Whether the rows were counted; otherwise they are projected from a sample, as the bytes are unless it had all rows.
    public let isExact: Bool
    /// How many rows were really encoded to learn their size.
    public let sampledRows: Int64
    /// How long it takes to look at the rows among which the wanted ones are, in seconds.
    let searchSeconds: Double

    /// How long it takes where other exports went at `pace`.
    public func seconds(_ pace: ExportPace) -> Double {
        ExportPace.start + searchSeconds + Double(bytes) / pace.bytesPerSecond
    }
}

/// How fast an export's files are written.
public struct ExportPace: Sendable, Equatable {
    /// Seconds that every export takes, however small it is: its statement, two syncs, the manifest.
    static let start = 0.05
    /// Seconds for a row that is only looked at.
    static let search = 0.000_000_4
    /// Runs that wrote less tell more about their start than about their pace.
    private static let leastBytes: Int64 = 1_000_000

    public let bytesPerSecond: Double

    /// What earlier runs of the same kind needed; the usual pace of the format where none has written enough.
    public init(_ runs: [(bytes: Int64, seconds: Double)], of spec: ResolvedSpec) {
        var bytes: Int64 = 0
        var seconds = 0.0
        for run in runs where run.bytes >= Self.leastBytes && run.seconds > Self.start {
            bytes += run.bytes
            seconds += run.seconds - Self.start
        }
        bytesPerSecond = seconds > 0 ? Double(bytes) / seconds : Self.usual(spec)
    }

    /// On two cores of a small server.
    private static func usual(_ spec: ResolvedSpec) -> Double {
        let plain: Double =
            switch (spec.format, spec.compression) {
            case (.parquet, _): 20_000_000
            case (_, .none): 150_000_000
            case (_, .zstd): 20_000_000
            case (_, .gzip): 5_000_000
            }
        // A person's row is gathered from many.
        return spec.dataset == .people ? plain / 10 : plain
    }
}
