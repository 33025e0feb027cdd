import Model

/// JSON on the command line.
enum JSONArgument {
    /// The document itself, or what the file after `@` says.
    static func read(_ text: String, _ flag: String) throws -> JSONValue {
        var (json, place) = (text, flag)
        if text.hasPrefix("@") {
            place = String(text.dropFirst())
            json = try SmallFile.read(place)
        }
        do throws(JSONError) { return try JSONValue(text: json) } catch {
            throw Failure(.usage, "\(place): this is not JSON: \(error.reason), at byte \(error.offset)")
        }
    }

    /// An event's name, or `{"event": …, "where": …}`.
    static func events(_ text: String, _ flag: String) throws -> JSONValue {
        text.hasPrefix("{") || text.hasPrefix("@") ? try read(text, flag) : ["event": .string(text)]
    }
}
