internal import EventStore
internal import Model

/// What people pay, who begins to, and who ends.
struct RevenueSpec: Sendable, Equatable {
    private static let fields = ["measure", "interval", "churn"]
    /// The longest time without a payment after which somebody is lost.
    static let longestChurn: Int64 = 750 * 86_400_000_000
    static let usualChurn: Int64 = 30 * 86_400_000_000

    /// The payments: a sum of a property.
    let payments: Measure
    /// Nil for the whole range at once.
    let interval: Interval?
    /// After how long without a payment somebody is lost, in microseconds; nil if only the event counts.
    let churnAfter: Int64?
    /// What somebody does who is lost.
    let churnEvents: EventSelector?

    init(_ node: SpecNode, _ clock: ReportClock) throws(QueryError) {
        try node.check(ReportFrame.fields + Self.fields, "a revenue report")
        let measure = try node.needed("measure", "the event of a payment, and its property")
        if let of = measure["of"], of.json.stringValue != "sum" { throw of.error("revenue is a \"sum\"") }
        payments = try Measure(measure, clock, usually: .sum)
        interval = try node["interval"].map { (node) throws(QueryError) in try node.choice() }
        guard let churn = node["churn"] else {
            (churnAfter, churnEvents) = (Self.usualChurn, nil)
            return
        }
        try churn.check(["after", "event", "where"], "\"churn\"")
        if let after = churn["after"] {
            churnAfter = try after.duration(upTo: Self.longestChurn)
        } else {
            churnAfter = nil
        }
        let hasEvents = churn["event"] != nil || churn["where"] != nil
        churnEvents = hasEvents ? try EventSelector(churn, clock, others: ["after"]) : nil
        guard churnAfter != nil || hasEvents else {
            throw churn.error("\"after\" (a time without payment), \"event\", or both should be here")
        }
    }

    var needs: Set<ColumnNeed> {
        payments.needs.union(churnEvents?.needs ?? []).union([.builtin(.timestamp)])
    }
}
