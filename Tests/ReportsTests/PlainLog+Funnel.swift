import Foundation
import Model

extension PlainLog {
    struct Funnel {
        var steps: [Choice]
        var window: Int64?
        var isStrict = false
        var range: ClosedRange<Int64>?
        /// A property, and `first`, `last` or the step (from 0) whose event has it.
        var breakdown: (name: String, value: String, step: Int)?
    }

    /// How far one person came.
    struct Way {
        var times: [Int64]
        var rows: [Row]
        /// How many starts reached each step.
        var starts: [Int]
        /// How long the first start took that reached each step.
        var took: [Int64?]
        var key: String
    }

    func ways(_ funnel: Funnel) -> [Way] {
        people.compactMap { all in
            let rows = all.filter { row in
                funnel.range.map { row.time >= $0.lowerBound && row.time < $0.upperBound } ?? true
            }
            var best: [Row] = []
            var starts = [Int](repeating: 0, count: funnel.steps.count)
            var took = [Int64?](repeating: nil, count: funnel.steps.count)
            for (i, row) in rows.enumerated() where funnel.steps[0].takes(row) {
                let way = funnel.isStrict ? strict(funnel, rows, i) : loose(funnel, rows, row)
                for step in way.indices {
                    starts[step] += 1
                    if took[step] == nil { took[step] = way[step].time - row.time }
                }
                if way.count > best.count { best = way }
            }
            guard !best.isEmpty else { return nil }
            return Way(times: best.map(\.time), rows: best, starts: starts, took: took, key: key(funnel, rows, best))
        }
    }

    private func key(_ funnel: Funnel, _ rows: [Row], _ way: [Row]) -> String {
        guard let (name, value, step) = funnel.breakdown else { return "" }
        let having = rows.compactMap { $0.properties[name] }
        switch value {
        case "first": return having.first?.text ?? "null"
        case "last": return having.last?.text ?? "null"
        default: return way.indices.contains(step) ? way[step].properties[name]?.text ?? "null" : "null"
        }
    }

    private func strict(_ funnel: Funnel, _ rows: [Row], _ start: Int) -> [Row] {
        var way = [rows[start]]
        while way.count < funnel.steps.count, start + way.count < rows.count {
            let next = rows[start + way.count]
            guard funnel.steps[way.count].takes(next), funnel.window.map({ next.time - way[0].time <= $0 }) ?? true
            else { break }
            way.append(next)
        }
        return way
    }

    private func loose(_ funnel: Funnel, _ rows: [Row], _ start: Row) -> [Row] {
        var way = [start]
        for (step, choice) in funnel.steps.enumerated().dropFirst() {
            let rivals = way.indices.filter { !funnel.steps[$0].excludes(choice) }
            let next = rows.first { row in
                guard choice.takes(row), row.time >= way[step - 1].time else { return false }
                return rivals.allSatisfy { (row.time, row.seq) > (way[$0].time, way[$0].seq) }
            }
            guard let next, funnel.window.map({ next.time - start.time <= $0 }) ?? true else { break }
            way.append(next)
        }
        return way
    }
}
