internal import Model

/// Reads `schedule`: when a pipeline runs.
extension PipelineDefinition {
    func checkContinuous(
        _ known: [String: DocumentNode], _ node: DocumentNode
    ) throws(PipelineError) {
        guard isIncremental else {
            throw (known["schedule"] ?? node).error(
                "continuous loads what is new, again and again: it goes with incremental: true")
        }
        if let found = known["after"] { throw found.error("\"after\" does not go with continuous") }
    }

    /// By cron, or continuously with how late something may be loaded.
    static func timing(
        _ node: DocumentNode
    ) throws(PipelineError) -> (schedule: Schedule?, lag: Int64?) {
        if let lag = try continuous(node) { return (nil, lag) }
        return (try schedule(node), nil)
    }

    /// `schedule: { continuous: true }`, or with how late something may be loaded: `{ continuous: 10s }`; nil if it is by cron.
    private static func continuous(_ node: DocumentNode) throws(PipelineError) -> Int64? {
        guard case .map(let entries) = node.content, entries.contains(where: { $0.key == "continuous" }) else {
            return nil
        }
        let known = try node.map(["continuous"])
        guard let found = known["continuous"] else { return nil }
        if case .scalar(.bool(true)) = found.content { return 5_000_000 }
        guard let lag = try? found.duration(), (1_000_000...3_600_000_000).contains(lag) else {
            throw found.error("here should be true, or how late something may be loaded: 1s to 1h")
        }
        return lag
    }

    private static func schedule(_ node: DocumentNode) throws(PipelineError) -> Schedule {
        let known = try node.map(["cron", "timezone", "jitter", "buffer", "catch_up"])
        guard let cronNode = known["cron"] else { throw node.error("\"cron\" is missing, such as \"0 6 * * *\"") }
        let text = try cronNode.text("five fields such as \"0 6 * * *\"")
        let cron: CronExpression
        do { cron = try CronExpression(text) } catch { throw cronNode.error(error.message) }
        let zone: ZoneClock
        do { zone = try ZoneClock(try known["timezone"]?.text() ?? "UTC") } catch {
            throw known["timezone"]?.error(error.message) ?? error
        }
        return Schedule(
            cron: cron, zone: zone, buffer: try known["buffer"]?.duration() ?? 0,
            jitter: try known["jitter"]?.duration() ?? 0,
            catchUp: try known["catch_up"]?.choice(Schedule.CatchUp.self) ?? .latest)
    }
}
