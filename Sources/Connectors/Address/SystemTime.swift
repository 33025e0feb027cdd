internal import Glibc

/// The time of day, as other services know it, whatever a test's clock says.
public enum SystemTime {
    /// In seconds since 1970.
    public static let seconds: @Sendable () -> Int64 = { Int64(time(nil)) }
}
