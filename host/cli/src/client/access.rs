//! Who may call: tokens, roles, tenants.

use std::time::Duration;

use stepwell_server::wire::{
    ApiTokenList, ApiTokenMade, ApiTokenRequest, CallerDescription, Policy, PolicyRequest,
    QuotaList, QuotasRequest, Role, RoleList, RoleRequest, RotateRequest, Tenant, TenantList,
    TenantRequest, path_segment,
};

use super::{Answer, CallError, Client};

impl Client {
    pub(crate) fn make_api_token(
        &self,
        request: &ApiTokenRequest,
    ) -> Result<Answer<ApiTokenMade>, CallError> {
        self.post("/v1/api-tokens", request)
    }

    pub(crate) fn rotate_api_token(
        &self,
        name: &str,
        request: &RotateRequest,
    ) -> Result<Answer<ApiTokenMade>, CallError> {
        let path = format!("/v1/api-tokens/{}/rotate", path_segment(name));
        self.post(&path, request)
    }

    pub(crate) fn list_api_tokens(&self) -> Result<Answer<ApiTokenList>, CallError> {
        self.get("/v1/api-tokens", Duration::ZERO)
    }

    pub(crate) fn delete_api_token(&self, name: &str) -> Result<(), CallError> {
        self.delete(&format!("/v1/api-tokens/{}", path_segment(name)))
    }

    pub(crate) fn list_roles(&self) -> Result<Answer<RoleList>, CallError> {
        self.get("/v1/roles", Duration::ZERO)
    }

    pub(crate) fn put_role(
        &self,
        name: &str,
        request: &RoleRequest,
    ) -> Result<Answer<Role>, CallError> {
        self.put(&format!("/v1/roles/{}", path_segment(name)), request)
    }

    pub(crate) fn delete_role(&self, name: &str) -> Result<(), CallError> {
        self.delete(&format!("/v1/roles/{}", path_segment(name)))
    }

    pub(crate) fn create_tenant(
        &self,
        request: &TenantRequest,
    ) -> Result<Answer<Tenant>, CallError> {
        self.post("/v1/tenants", request)
    }

    pub(crate) fn list_tenants(&self) -> Result<Answer<TenantList>, CallError> {
        self.get("/v1/tenants", Duration::ZERO)
    }

    pub(crate) fn describe_policy(&self, tenant: &str) -> Result<Answer<Policy>, CallError> {
        self.get(&policy_path(tenant), Duration::ZERO)
    }

    pub(crate) fn put_policy(
        &self,
        tenant: &str,
        request: &PolicyRequest,
    ) -> Result<Answer<Policy>, CallError> {
        self.put(&policy_path(tenant), request)
    }

    pub(crate) fn own_quotas(&self) -> Result<Answer<QuotaList>, CallError> {
        self.get("/v1/quotas", Duration::ZERO)
    }

    pub(crate) fn tenant_quotas(&self, tenant: &str) -> Result<Answer<QuotaList>, CallError> {
        let path = format!("/v1/tenants/{}/quotas", path_segment(tenant));
        self.get(&path, Duration::ZERO)
    }

    pub(crate) fn put_quotas(
        &self,
        tenant: &str,
        request: &QuotasRequest,
    ) -> Result<Answer<QuotaList>, CallError> {
        let path = format!("/v1/tenants/{}/quotas", path_segment(tenant));
        self.put(&path, request)
    }

    pub(crate) fn describe_caller(&self) -> Result<Answer<CallerDescription>, CallError> {
        self.get("/v1/caller", Duration::ZERO)
    }
}

fn policy_path(tenant: &str) -> String {
    format!("/v1/tenants/{}/policy", path_segment(tenant))
}
