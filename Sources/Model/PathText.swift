/// Paths as the system reads them: byte by byte. A slash that a combining mark follows is one character with it to Swift, and a slash
/// all the same to the system.
public enum PathText {
    /// What is between the slashes; none of it is empty.
    public static func steps(_ path: String) -> [String] {
        path.utf8.split(separator: 0x2f).map { String(Substring($0)) }
    }

    /// Whether a relative path stays in the folder that it starts from, and says so without detours.
    public static func staysInside(_ path: String) -> Bool {
        let steps = path.utf8.split(separator: 0x2f, omittingEmptySubsequences: false)
        return !path.utf8.contains(0) && steps.allSatisfy { !$0.isEmpty && !isDots($0) }
    }

    /// Whether a path has steps that mean another folder than the one that they name: `.` and `..`.
    public static func hasDots(_ path: String) -> Bool { path.utf8.split(separator: 0x2f).contains(where: isDots) }

    private static func isDots(_ step: Substring.UTF8View) -> Bool {
        step.elementsEqual(".".utf8) || step.elementsEqual("..".utf8)
    }

    /// Whether a text names something in a folder itself.
    public static func isName(_ text: String) -> Bool { staysInside(text) && !text.utf8.contains(0x2f) }
}
