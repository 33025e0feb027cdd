internal import Model

extension ComputedFormula {
    /// The columns that every project has from the start, by name; each can be given another formula.
    public static let defaults: [(name: String, description: String, formula: ComputedFormula)] = [
        (
            "engagement_score",
            "0 to 100: how much and how regularly somebody does anything; what was done counts half after two weeks.",
            make(
                [
                    "events": ["measure": "count", "half_life": "14d"], "days": ["measure": "days", "within": "30d"],
                    "payments": ["measure": "count", "event": payments, "half_life": "30d"],
                ],
                [
                    "weights": ["events": 1, "days": 2, "payments": 5], "min": 0, "max": 100, "round": 1,
                ])
        ),
        (
            "lifecycle_stage",
            "new (first seen within the last seven days), loyal (on eight of the last thirty days), active (seen within the last "
                + "seven days), slipping (within thirty), dormant, or none for who never did anything.",
            make(
                [
                    "first": ["measure": "since_first"], "last": ["measure": "since_last"],
                    "days": ["measure": "days", "within": "30d"],
                ],
                [
                    "cases": [
                        ["when": ["term": "last", "exists": false], "is": "none"],
                        ["when": ["term": "first", "lt": 7], "is": "new"],
                        ["when": [["term": "last", "lt": 7], ["term": "days", "gte": 8]], "is": "loyal"],
                        ["when": ["term": "last", "lt": 7], "is": "active"],
                        ["when": ["term": "last", "lt": 30], "is": "slipping"],
                    ], "else": "dormant",
                ])
        ),
        (
            "revenue_total",
            "All payments: of each, the first of Billing Amount, revenue and amount that is a number. Refunds have negative ones.",
            make(
                [
                    "payments": [
                        "measure": "sum", "property": ["Billing Amount", "revenue", "amount"], "event": payments,
                    ]
                ],
                ["term": "payments"])
        ),
    ]

    /// What payments are called: by KISSmetrics (Billed, Refunded), Segment (Order Completed), and by most others.
    private static let payments: JSONValue = [
        "Billed", "Refunded", "Order Completed", "Purchased", "Purchase", "Payment", "Paid", "Bought",
    ]

    private static func make(_ terms: JSONValue, _ value: JSONValue) -> ComputedFormula {
        do { return try ComputedFormula(["terms": terms, "value": value]) } catch {
            preconditionFailure("a default formula can be read: \(error.message)")
        }
    }
}
