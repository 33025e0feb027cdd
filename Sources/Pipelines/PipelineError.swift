/// Why a pipeline was refused, or failed.
public struct PipelineError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The kind of failure; bounded, so that it can label a metric.
    public enum Code: String, Sendable {
        /// A definition that cannot be read, or says something that there is not.
        case badDefinition = "bad_definition"
        /// The rows are not what they should be.
        case validation
        /// The export failed.
        case export
        /// The destination refused, failed, or does not have what was loaded.
        case destination
        /// A step took longer than it may.
        case timeout
        /// dbt could not be run, or did not say what came of it.
        case dbt
        /// A file of the server's could not be made or read.
        case files
    }

    public let code: Code
    /// What was wrong, where, and what to do. Never a secret.
    public let message: String
    /// Whether trying again helps.
    public let isTransient: Bool
    /// Where in a document, from 1; nil for what is not of a document.
    public let place: Place?

    /// What else was wrong with the same document.
    public var others: [PipelineError] = []

    /// A line and a column of a document.
    public struct Place: Sendable, Equatable {
        public let line: Int
        public let column: Int

        public init(line: Int, column: Int) {
            self.line = line
            self.column = column
        }
    }

    public init(_ code: Code, _ message: String, isTransient: Bool = false, at place: Place? = nil) {
        self.code = code
        self.message = message
        self.isTransient = isTransient
        self.place = place
    }

    /// This one and the others, each by itself.
    public var all: [PipelineError] {
        var first = self
        first.others = []
        return [first] + others
    }

    /// `line 3, column 5: …`, with a line for each that is wrong.
    public var description: String {
        all.map { error in
            error.place.map { "line \($0.line), column \($0.column): \(error.message)" } ?? error.message
        }.joined(separator: "\n")
    }

    /// All of them as one, in the order of their places; nil if there are none.
    public init?(_ errors: [PipelineError]) {
        var seen: [PipelineError] = []
        for error in errors.flatMap(\.all) where !seen.contains(error) { seen.append(error) }
        let sorted = seen.enumerated().sorted { a, b in
            let (first, second) = (a.element.place, b.element.place)
            return (first?.line ?? .max, first?.column ?? .max, a.offset)
                < (second?.line ?? .max, second?.column ?? .max, b.offset)
        }.map(\.element)
        guard let first = sorted.first else { return nil }
        self = first
        others = Array(sorted.dropFirst())
    }
}
