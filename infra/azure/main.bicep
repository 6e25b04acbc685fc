// Everything that one deployment needs, in one resource group: nothing here holds a key that a person could carry away.

targetScope = 'resourceGroup'

@description('Stands at the beginning of every name.')
@minLength(3)
@maxLength(12)
param name string = 'footprint'

param location string = resourceGroup().location

@description('The serving sites of this deployment, such as eu; each connection belongs to one.')
@minLength(1)
param sites array

@description('Where browsers and webhooks reach it, without a slash at the end. Empty: under the app\'s own name.')
param publicUrl string = ''

@description('Further settings by their whole names: FOOTPRINT_MICROSOFT__CLIENT_ID, FOOTPRINT_OPERATORS__ISSUER and so on.')
param settings object = {}

@description('Names of settings that are secrets. Their values are given in `secrets`, and go to the vault only.')
param secretSettings array = []

@secure()
param secrets object = {}

@description('Letters and digits. Used by nobody but the app, so a new one at each deployment is welcome.')
@secure()
@minLength(24)
param databasePassword string

@description('Who is woken up.')
param alertEmail string

@description('Instances that wait for browsers, so that an administrator\'s consent never meets a cold start.')
@minValue(0)
param alwaysReady int = 1

// Storage accounts and vaults have one name space for the whole world, and no room for more than 24 characters.
var unique = '${name}${take(uniqueString(resourceGroup().id), 8)}'
var url = empty(publicUrl) ? 'https://${unique}.azurewebsites.net' : publicUrl
var databaseUrl = 'postgresql+psycopg://footprint:${databasePassword}@${unique}.postgres.database.azure.com/footprint?sslmode=require'

// Who the app is, towards Azure and (federated) towards its customers' tenants.
resource identity 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' = {
  name: name
  location: location
}

module network 'modules/network.bicep' = {
  params: { name: name, location: location }
}

module telemetry 'modules/telemetry.bicep' = {
  params: { name: name, location: location, principalId: identity.properties.principalId }
}

module storage 'modules/storage.bicep' = {
  params: {
    name: unique
    location: location
    subnetId: network.outputs.appSubnetId
    principalId: identity.properties.principalId
  }
}

module vault 'modules/vault.bicep' = {
  params: {
    name: unique
    location: location
    subnetId: network.outputs.appSubnetId
    principalId: identity.properties.principalId
    workspaceId: telemetry.outputs.workspaceId
    secretSettings: concat(['FOOTPRINT_DATABASE_URL'], secretSettings)
    secrets: union(secrets, { FOOTPRINT_DATABASE_URL: databaseUrl })
  }
}

module database 'modules/database.bicep' = {
  params: {
    name: unique
    location: location
    networkId: network.outputs.networkId
    subnetId: network.outputs.endpointSubnetId
    password: databasePassword
  }
}

module app 'modules/app.bicep' = {
  params: {
    name: unique
    location: location
    subnetId: network.outputs.appSubnetId
    identityId: identity.id
    clientId: identity.properties.clientId
    blobUrl: storage.outputs.blobUrl
    queueUrl: storage.outputs.queueUrl
    anchorsUrl: storage.outputs.anchorsUrl
    telemetry: telemetry.outputs.connectionString
    vaultName: unique
    keyUrl: vault.outputs.keyUrl
    secretSettings: concat(['FOOTPRINT_DATABASE_URL'], secretSettings)
    settings: union({ FOOTPRINT_SITES: string(sites), FOOTPRINT_PUBLIC_URL: url }, settings)
    alwaysReady: alwaysReady
  }
  dependsOn: [database]
}

module alerts 'modules/alerts.bicep' = {
  params: {
    name: name
    location: location
    email: alertEmail
    healthUrl: '${url}/api/health/ready'
    workspaceId: telemetry.outputs.workspaceId
    insightsId: telemetry.outputs.insightsId
    databaseId: database.outputs.id
  }
}

@description('The name of the app, the database server, the storage account and the vault.')
output name string = unique
output publicUrl string = url
@description('The subject of the federated credential at our application\'s registration.')
output identityPrincipalId string = identity.properties.principalId
output identityClientId string = identity.properties.clientId
