internal import GRDB
internal import Model

#if canImport(FoundationEssentials)
    internal import FoundationEssentials
#else
    internal import Foundation
#endif

/// Bytes as SQLite's BLOB; GRDB speaks `Data`.
func blob(_ bytes: [UInt8]) -> Data { Data(bytes) }

/// A BLOB's bytes.
func bytes(_ data: Data?) -> [UInt8]? { data.map { [UInt8]($0) } }

/// A time as kept: µs since 1970.
func timestamp(_ microseconds: Int64?) -> Timestamp? { microseconds.map { Timestamp(microseconds: $0) } }
