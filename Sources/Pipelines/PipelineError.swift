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

    /// `line 3, column 5: …`
    public var description: String {
        guard let place else { return message }
        return "line \(place.line), column \(place.column): \(message)"
    }
}
