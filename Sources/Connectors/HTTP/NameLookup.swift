internal import Glibc

/// The system's own look-up of names.
enum NameLookup {
    /// All addresses of a name, in the system's order. Blocking.
    static func addresses(of host: String) -> [IPAddress] {
        var hints = unsafe addrinfo()
        unsafe hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        unsafe hints.ai_family = AF_UNSPEC
        var list: UnsafeMutablePointer<addrinfo>?
        // The list is the call's, and freed below; what is kept of it is copied.
        guard unsafe getaddrinfo(host, nil, &hints, &list) == 0 else { return [] }
        defer { unsafe freeaddrinfo(list) }
        var found: [IPAddress] = []
        var next = unsafe list
        while let entry = unsafe next {
            if let address = unsafe address(entry.pointee), !found.contains(address) { found.append(address) }
            unsafe next = entry.pointee.ai_next
        }
        return found
    }

    private static func address(_ entry: addrinfo) -> IPAddress? {
        guard let raw = unsafe UnsafeRawPointer(entry.ai_addr) else { return nil }
        // The family says which structure lies there.
        switch unsafe entry.ai_family {
        case AF_INET:
            var v4 = unsafe raw.loadUnaligned(as: sockaddr_in.self).sin_addr
            return unsafe withUnsafeBytes(of: &v4) { unsafe IPAddress(bytes: Array($0)) }
        case AF_INET6:
            var v6 = unsafe raw.loadUnaligned(as: sockaddr_in6.self)
            // An address of one link only means nothing to a URL.
            guard v6.sin6_scope_id == 0 else { return nil }
            return unsafe withUnsafeBytes(of: &v6.sin6_addr) { unsafe IPAddress(bytes: Array($0)) }
        default: return nil
        }
    }
}
