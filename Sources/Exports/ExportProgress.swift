internal import DuckDB
internal import Synchronization

/// How far a running export is. Written by its thread, read by anybody.
public final class ExportProgress: Sendable {
    private struct State {
        var rows: Int64 = 0
        var share = 0.0
        var isDone = false
        var statement: Interrupter?
    }

    private let state = Mutex(State())

    public init() {}

    /// Rows written so far; while an engine writes the file itself, those of finished parts.
    public var rows: Int64 { state.withLock { $0.rows } }

    /// 0 to 100; 100 only when everything is on disk. It never goes back.
    public var percent: Double {
        state.withLock { state in
            if state.isDone { return 100 }
            if let share = state.statement?.progress, share > state.share { state.share = share }
            return min(state.share * 100, 99)
        }
    }

    func set(rows: Int64, share: Double) {
        state.withLock {
            $0.rows = rows
            $0.share = max($0.share, min(share, 1))
        }
    }

    /// From now on the engine's own estimate counts, too.
    func follow(_ statement: Interrupter?) { state.withLock { $0.statement = statement } }

    func finish(rows: Int64) {
        state.withLock {
            $0.rows = rows
            $0.isDone = true
            $0.statement = nil
        }
    }
}
