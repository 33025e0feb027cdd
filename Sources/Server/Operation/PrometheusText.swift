/// Writes metrics in Prometheus' text format, version 0.0.4.
struct PrometheusText {
    private(set) var text = ""

    /// Begins a metric.
    mutating func begin(_ name: String, _ kind: String, _ help: String) {
        text += "# HELP sluice_\(name) \(help)\n# TYPE sluice_\(name) \(kind)\n"
    }

    /// One value. Labels' values are words of this program and project names, which need no escapes.
    mutating func value(_ name: String, _ labels: [(String, String)] = [], _ value: some CustomStringConvertible) {
        text += "sluice_\(name)"
        if !labels.isEmpty { text += "{" + labels.map { "\($0)=\"\($1)\"" }.joined(separator: ",") + "}" }
        text += " \(value)\n"
    }

    /// A metric of one value.
    mutating func single(_ name: String, _ kind: String, _ help: String, _ number: some CustomStringConvertible) {
        begin(name, kind, help)
        value(name, [], number)
    }

    /// A histogram of durations; `cumulated` has one count more than there are `bounds` (µs).
    mutating func buckets(
        _ name: String, _ labels: [(String, String)], bounds: [Int64], cumulated: [Int64], sumMicroseconds: Double
    ) {
        for (bound, count) in zip(bounds, cumulated) {
            value(name + "_bucket", labels + [("le", "\(Double(bound) / 1e6)")], count)
        }
        value(name + "_bucket", labels + [("le", "+Inf")], cumulated.last ?? 0)
        value(name + "_sum", labels, sumMicroseconds / 1e6)
        value(name + "_count", labels, cumulated.last ?? 0)
    }
}
