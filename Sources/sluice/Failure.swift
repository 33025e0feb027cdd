/// Why a command could not do its work, and the exit code that says so.
struct Failure: Error, CustomStringConvertible {
    /// The exit codes that scripts rely on.
    enum Code: Int32 {
        case failed = 1
        /// Done, but some rows were rejected.
        case doneWithRejects = 3
        case usage = 64
        case unreachable = 69
        case refused = 77
    }

    let code: Code
    /// What was wrong, where, and what to do.
    let message: String

    /// Whether the server only asked for some patience.
    let isLagging: Bool

    init(_ code: Code, _ message: String, isLagging: Bool = false) {
        self.code = code
        self.message = message
        self.isLagging = isLagging
    }

    var description: String { message }
}
