public import Control
public import Destinations
public import Model

/// What comes next of a backfill, and how long it will take; pure.
public struct BackfillPlan: Sendable, Equatable {
    public enum Step: Sendable, Equatable {
        case begin(from: Timestamp, to: Timestamp)
        case wait
        /// The window is loaded.
        case advance(to: Timestamp)
        case stop(reason: String)
        /// Somebody cancelled the window's run.
        case pause
    }

    public let backfill: BackfillRecord

    public init(_ backfill: BackfillRecord) { self.backfill = backfill }

    /// The window that comes next.
    public var window: (from: Timestamp, to: Timestamp) {
        let end = min(backfill.next.microseconds + backfill.step, backfill.to.microseconds)
        return (backfill.next, Timestamp(microseconds: end))
    }

    /// - Parameter run: the run of the window that is at work, as it is now.
    public func step(_ run: PipelineRunRecord?) -> Step {
        guard let run else {
            guard backfill.run == nil, backfill.status == .running, backfill.next < backfill.to else {
                return backfill.run == nil ? .wait : .stop(reason: "the run of its window is gone")
            }
            return .begin(from: window.from, to: window.to)
        }
        switch run.status {
        case .queued, .running: return .wait
        case .succeeded: return .advance(to: run.rangeTo ?? window.to)
        case .cancelled: return .pause
        case .failed, .skipped, .stale: return .stop(reason: run.reason ?? "a window failed")
        }
    }

    public var windows: Int64 { Self.windows(from: backfill.from, to: backfill.to, step: backfill.step) }

    static func windows(from: Timestamp, to: Timestamp, step: Int64) -> Int64 {
        (to.microseconds - from.microseconds + step - 1) / step
    }

    /// How long the rest takes if it goes on as before, in microseconds; nil if nothing is known yet.
    public var left: Int64? {
        guard backfill.windowsDone > 0 else { return nil }
        let rest = Self.windows(from: backfill.next, to: backfill.to, step: backfill.step)
        return backfill.took / backfill.windowsDone * max(0, rest)
    }

    public static let mostWindows: Int64 = 100_000

    /// Checks that a pipeline can be loaded again for a range without a row being there twice.
    public static func check(
        _ definition: PipelineDefinition, _ type: any Destination.Type
    ) throws(PipelineError) {
        guard definition.isIncremental else {
            throw PipelineError(
                .badDefinition, "each run of \(definition.name) loads everything: run it, and nothing old is missing")
        }
        guard definition.export["dataset"]?.stringValue == "events" else {
            throw PipelineError(.badDefinition, "a backfill is of events: other data has no range of time")
        }
        guard type.abilities.modes.contains(.upsert) else {
            throw PipelineError(
                .badDefinition,
                "the destination \(type.kind) cannot tell rows that are there already, and would have them twice")
        }
        guard !key(of: definition).isEmpty else {
            throw PipelineError(
                .badDefinition,
                definition.mode == .append
                    ? "a backfill finds rows again by \"event_id\": name it under \"columns\""
                    : "a backfill is for mode: append, or upsert with \"event_id\" or \"seq\" in its key")
        }
    }

    /// By what a row that is there already is found; empty if it cannot be.
    static func key(of definition: PipelineDefinition) -> [String] {
        switch definition.mode {
        case .append:
            let columns = (definition.export["columns"]?.arrayValue ?? []).compactMap(\.stringValue)
            // Several projects may load into one table, and each counts its own `seq`.
            return columns.contains("event_id") ? ["seq", "event_id"].filter(columns.contains) : []
        case .upsert:
            return definition.load.key.contains { $0 == "event_id" || $0 == "seq" } ? definition.load.key : []
        case .delete, .replace: return []
        }
    }
}
