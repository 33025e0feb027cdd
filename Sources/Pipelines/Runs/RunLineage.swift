public import Control
public import Model

/// Where a run's rows come from and go to, and what waits for them; pure.
public enum RunLineage {
    /// - Parameters:
    ///   - followers: pipelines that come after this one, with the last run of each that brought everything.
    ///   - incident: what is wrong with the runs of this pipeline, if something is.
    public static func json(
        _ run: PipelineRunRecord, followers: [(name: String, good: PipelineRunRecord?)], incident: IncidentRecord?
    ) -> JSONValue {
        func time(_ moment: Timestamp?) -> JSONValue { moment.map { .string($0.text) } ?? .null }
        func number(_ count: Int64?) -> JSONValue { count.map { JSONValue($0) } ?? .null }
        let export = (run.steps.arrayValue ?? []).first { $0["name"]?.stringValue == "export" }
        let spec = run.spec ?? run.definition["export"] ?? .null
        return [
            "export": [
                "export_id": .string(run.id), "dataset": spec["dataset"] ?? .null, "columns": spec["columns"] ?? .null,
                "as_of_seq": spec["as_of_seq"] ?? .null, "as_of": spec["as_of"] ?? .null,
                "rows": export?["rows_out"] ?? .null,
            ],
            "window": run.seqTo == nil ? nil : ["seq_from": number(run.seqFrom), "seq_to": number(run.seqTo)],
            "destination": [
                "location": JSONValue(run.target), "run_id": .string(run.id), "rows": number(run.rows),
                "loaded_at": time(run.status == .succeeded ? run.finishedAt : nil),
            ],
            "upstream": upstream(run.upstream),
            "downstream": .array(
                followers.map { name, good in
                    [
                        "pipeline": .string(name), "last_run": JSONValue(good?.id),
                        "loaded_at": time(good?.startedAt),
                        // What comes after is as old as what it comes after.
                        "stale_since": time(incident.map(\.openedAt)),
                    ]
                }),
        ]
    }

    private static func upstream(_ noted: JSONValue?) -> JSONValue {
        guard case .object(let members)? = noted else { return [] }
        return .array(
            members.map { member in
                [
                    "pipeline": .string(member.key), "run": member.value["run"] ?? .null,
                    "status": member.value["status"] ?? .null,
                ]
            })
    }
}
