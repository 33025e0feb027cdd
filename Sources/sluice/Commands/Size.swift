/// Sizes as people write them.
enum Size {
    private static let units: [(String, Int64)] = [
        ("kib", 1 << 10), ("mib", 1 << 20), ("gib", 1 << 30), ("kb", 1000), ("mb", 1_000_000), ("gb", 1_000_000_000),
        ("k", 1 << 10), ("m", 1 << 20), ("g", 1 << 30), ("b", 1), ("", 1),
    ]

    static func parse(_ text: String, flag: String) throws -> Int64 {
        let lower = text.lowercased().filter { $0 != " " }
        for (unit, factor) in units where lower.hasSuffix(unit) {
            guard let number = Int64(lower.dropLast(unit.count)), number > 0 else { continue }
            let (size, overflow) = number.multipliedReportingOverflow(by: factor)
            if !overflow { return size }
        }
        throw Failure(.usage, "\(flag) \(text): give a size such as 400MB or 2GiB")
    }
}
