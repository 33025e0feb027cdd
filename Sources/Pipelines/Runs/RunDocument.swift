public import Control
public import Model

/// A run as the API shows it.
public enum RunDocument {
    public static func json(_ run: PipelineRunRecord) -> JSONValue {
        func time(_ moment: Timestamp?) -> JSONValue { moment.map { .string($0.text) } ?? .null }
        func number(_ count: Int64?) -> JSONValue { count.map { JSONValue($0) } ?? .null }
        return [
            "id": .string(run.id), "pipeline": .string(run.pipeline), "version": JSONValue(run.version),
            "status": .string(run.status.rawValue), "cause": .string(run.cause.rawValue),
            "scheduled_for": time(run.scheduledFor),
            "window": run.seqTo == nil
                ? nil : ["seq_from": number(run.seqFrom), "seq_to": number(run.seqTo)],
            "range": run.rangeFrom == nil ? nil : ["from": time(run.rangeFrom), "to": time(run.rangeTo)],
            "upstream": run.upstream ?? .null,
            "destination": JSONValue(run.target), "rows": number(run.rows), "steps": run.steps,
            "stale": .bool(run.isStale), "reason": JSONValue(run.reason), "next_attempt_at": time(run.nextAttemptAt),
            "created_at": time(run.createdAt), "started_at": time(run.startedAt), "finished_at": time(run.finishedAt),
        ]
    }
}
