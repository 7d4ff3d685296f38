//! Where a repository came from, without the credentials that its address may hold.

/// A remote's address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remote {
    /// Such as `origin`.
    pub name: String,
    /// Its address without user, password, query, and fragment (`ssh` keeps its user).
    pub url: String,
    /// Its host, unless it is a folder.
    pub host: Option<String>,
    /// `owner/name`, with what stands between on hosts that nest; `None` for a folder.
    pub slug: Option<String>,
}

/// The remote of `branch`, else `origin`, else the only one.
pub(super) fn of(git: &git2::Repository, branch: Option<&str>) -> Option<Remote> {
    let names: Vec<String> =
        git.remotes().ok()?.iter().filter_map(|name| name.ok().flatten().map(str::to_owned)).collect();
    let upstream = branch
        .and_then(|branch| git.branch_upstream_remote(&format!("refs/heads/{branch}")).ok())
        .and_then(|name| name.as_str().ok().map(str::to_owned));
    let only = || if names.len() == 1 { names.first().cloned() } else { None };
    let origin = || names.iter().find(|name| *name == "origin").cloned();
    let name = upstream.filter(|name| names.contains(name)).or_else(origin).or_else(only)?;
    let url = git.find_remote(&name).ok()?.url().ok()?.to_owned();
    Some(parse(&name, &url))
}

/// Every remote's name and address without credentials.
pub(crate) fn all(git: &git2::Repository) -> Vec<Remote> {
    let Ok(names) = git.remotes() else { return Vec::new() };
    let names = names.iter().filter_map(|name| name.ok().flatten());
    names.filter_map(|name| Some(parse(name, git.find_remote(name).ok()?.url().ok()?))).collect()
}

/// Takes an address apart: `scheme://[user[:password]@]host[:port]/path`, `[user@]host:path`, or a folder.
fn parse(name: &str, url: &str) -> Remote {
    let name = name.to_owned();
    if let Some((scheme, rest)) = url.split_once("://") {
        let rest = rest.split(['?', '#']).next().unwrap_or_default();
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let (user, address) = authority.rsplit_once('@').unwrap_or(("", authority));
        let user = if scheme.contains("ssh") { user.split(':').next().unwrap_or_default() } else { "" };
        let at = if user.is_empty() { "" } else { "@" };
        let is_folder = address.is_empty();
        let host = (!is_folder).then(|| without_port(address));
        let slug = if is_folder { None } else { slug(path) };
        return Remote { name, url: format!("{scheme}://{user}{at}{address}/{path}"), host, slug };
    }
    match url.split_once(':') {
        Some((authority, path)) if !authority.contains('/') && !authority.is_empty() => {
            let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host).to_owned();
            Remote { name, url: url.to_owned(), host: Some(host), slug: slug(path) }
        }
        _ => Remote { name, url: url.to_owned(), host: None, slug: None },
    }
}

fn without_port(address: &str) -> String {
    match address.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host.to_owned(),
        _ => address.to_owned(),
    }
}

fn slug(path: &str) -> Option<String> {
    let path = path.trim_matches('/');
    let path = path.strip_suffix(".git").unwrap_or(path);
    let segments: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).collect();
    (segments.len() >= 2).then(|| segments.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(url: &str, kept: &str, host: Option<&str>, slug: Option<&str>) {
        let remote = parse("origin", url);
        assert_eq!((remote.url.as_str(), remote.host.as_deref(), remote.slug.as_deref()), (kept, host, slug), "{url}");
    }

    #[test]
    fn credentials_do_not_survive_and_owner_and_name_are_found() {
        let (github, acme) = (Some("github.com"), Some("acme/blog"));
        check("https://github.com/acme/blog.git", "https://github.com/acme/blog.git", github, acme);
        check("https://x-token:ghp_S3cret@github.com/acme/blog", "https://github.com/acme/blog", github, acme);
        check("https://ghp_S3cret@github.com/acme/blog?token=S3cret", "https://github.com/acme/blog", github, acme);
        check("https://a:b@c:S3cret@github.com/acme/blog", "https://github.com/acme/blog", github, acme);
        check("ssh://git:S3cret@github.com:22/acme/blog.git", "ssh://git@github.com:22/acme/blog.git", github, acme);
        check("git@github.com:acme/blog.git", "git@github.com:acme/blog.git", github, acme);
        check(
            "https://git.example.com/a/b/c.git",
            "https://git.example.com/a/b/c.git",
            Some("git.example.com"),
            Some("a/b/c"),
        );
        check("/srv/git/blog.git", "/srv/git/blog.git", None, None);
        check("file:///srv/git/blog.git", "file:///srv/git/blog.git", None, None);
        check("../up/blog", "../up/blog", None, None);
    }
}
